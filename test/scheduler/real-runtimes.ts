/** Proxy, scheduler and real runtime processes, over state that the test changes at will. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { encodeBundle } from '../../src/bundle.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { createProxy } from '../../src/proxy/server.ts'
import { Scheduler, type SchedulerOptions } from '../../src/scheduler/scheduler.ts'
import { Supervisor, type SupervisorOptions } from '../../src/scheduler/supervisor.ts'
import { TestStore, until } from './setup.ts'

const PAUSE_MS = 20

export async function startAll(
  settings: Partial<Record<keyof Config, string>> = {},
  { launcher, stacks }: Pick<SupervisorOptions, 'launcher'> & Pick<SchedulerOptions, 'stacks'> = {},
) {
  await using stack = new AsyncDisposableStack()
  const flags = { runtimes: '2', listen: '127.0.0.1:0', ...settings }
  const config = loadConfig({ flags, file: '/nonexistent.json' })
  const store = new TestStore()
  const supervisor = new Supervisor({
    config,
    onLine: line => console.error(line),
    onStartFailed: error => console.error(error),
    ...(launcher && { launcher }),
  })
  const scheduler = stack.use(new Scheduler({ config, store, supervisor, ...(stacks && { stacks }) }))
  await scheduler.start()
  await until(() => supervisor.runtimes.every(runtime => runtime.up))
  const proxy = createProxy({ config, scheduler })
  const { port } = await proxy.listen()
  const agent = new http.Agent({ keepAlive: true })
  stack.defer(async () => {
    agent.destroy()
    await proxy.stop(1000)
  })
  const askApp = (app: string, path = '/') =>
    ask({ port, agent, path, headers: { host: `${app}.localhost` } })
  const disposables = stack.move()
  return {
    scheduler,
    supervisor,
    store,
    deploy: (name: string, source: string) => store.deploy(name, bundleOf(source)),
    ask: askApp,
    /** After a pause: whoever asks so again and again makes no busy app of one that is quick. */
    askGently: async (app: string) => {
      await sleep(PAUSE_MS)
      return await askApp(app)
    },
    [Symbol.asyncDispose]: () => disposables.disposeAsync(),
  }
}

export function bundleOf(source: string): Buffer {
  return encodeBundle([{ name: 'main.js', type: 'esm', content: Buffer.from(source) }])
}

export const answering = (text: string) => `export default { fetch() { return new Response('${text}') } }`

export interface Answer {
  status: number
  body: string
  headers: http.IncomingHttpHeaders
}

async function ask(options: http.RequestOptions): Promise<Answer> {
  const request = http.get({ host: '127.0.0.1', ...options })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks = await response.toArray()
  return { status: response.statusCode ?? 0, body: chunks.join(''), headers: response.headers }
}

/**
 * Asks from several connections until told to stop; resolves to the answers in the order they came. Where none comes it
 * is one of status 0, the last of its connection: a rejection that nobody awaits would be told in the place of what the
 * test itself found.
 */
export function load(connections: number, send: () => Promise<Answer>) {
  const answers: Answer[] = []
  let running = true
  const loops = Array.from({ length: connections }, async () => {
    while (running) {
      const answer = await send().catch(noAnswer)
      answers.push(answer)
      if (answer.status === 0) break
    }
  })
  return {
    answers,
    async stop() {
      running = false
      await Promise.all(loops)
      return answers
    },
  }
}

function noAnswer(error: unknown): Answer {
  return { status: 0, body: String(error), headers: {} }
}

/** A field of /proc/PID/stat, by its number in proc(5), of a process or one of its threads. */
function statField(pid: number, number: number, thread: number | string = pid): number {
  const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1')
  // The second is a name, which may hold anything.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[number - 3])
}

/** Of its session's first process. */
export function sessionOf(pid: number): number {
  return statField(pid, 6)
}

/** How long ago the process was started, in ms, as exactly as Linux tells: to a hundredth of a second. */
export function ageMs(pid: number): number {
  const upSeconds = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0])
  return upSeconds * 1000 - statField(pid, 22) * 10
}

/** The nice values of a process' threads, its first thread's apart. */
export function niceValues(pid: number): { first: number; others: { name: string; nice: number }[] } {
  const others = readdirSync(`/proc/${pid}/task`).flatMap(thread => {
    try {
      const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, 'latin1').trim()
      return thread === String(pid) ? [] : [{ name, nice: statField(pid, 19, thread) }]
    } catch {
      return [] // It has ended.
    }
  })
  return { first: statField(pid, 19), others }
}
