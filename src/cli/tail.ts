/**
 * `vitrine tail`: an app's console lines and requests as they happen.
 *
 * It outlives the platform: when the connection breaks, it connects again, waiting longer from time to time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AppLogEvent, LogLevel, RequestEvent } from '../channels.ts'
import { VitrineError } from '../errors.ts'
import { Client } from './client.ts'
import { type Command, hasOption, type Invocation } from './command.ts'
import { type Colour, clean, cleanLines, milliseconds, type Terminal } from './terminal.ts'

const RETRY_MS_MIN = 250
const RETRY_MS_MAX = 5000
/** The platform writes at least every 15 s: after three times that, the connection is taken for dead. */
const SILENCE_MS_MAX = 45_000
const LINE_CHARACTERS_MAX = 2 ** 20

export const tailCommand: Command = {
  name: 'tail',
  summary: 'Follow an app live: its console and its requests',
  positionals: ['NAME'],
  options: { json: { help: 'print each event as a line of JSON' } },
  run: tail,
}

async function tail(invocation: Invocation): Promise<void> {
  const { terminal, positionals } = invocation
  const client = new Client(invocation.env)
  const json = hasOption(invocation, 'json')
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    await follow({
      connect: signal => client.tail(positionals[0]!, signal),
      connected: () => json || terminal.note(`Following ${positionals[0]}; Ctrl-C ends it.`),
      lost: () => terminal.note('The connection is lost; connecting again …'),
      line: line => (json ? terminal.print(line) : show(line, terminal)),
      signal: interrupted.signal,
    })
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

interface Following {
  connect(signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
  connected(): void
  lost(): void
  line(line: string): void
  signal: AbortSignal
}

/** Until `signal` aborts. Rejects if the first connection fails, or a later one for a reason that will stay. */
async function follow({ connect, connected, lost, line, signal }: Following): Promise<void> {
  let wasConnected = false
  let retryMs = RETRY_MS_MIN
  while (!signal.aborted) {
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(), SILENCE_MS_MAX)
    try {
      const stream = await connect(AbortSignal.any([signal, silence.signal]))
      wasConnected = true
      retryMs = RETRY_MS_MIN
      connected()
      for await (const text of linesOf(stream, () => timer.refresh())) line(text)
    } catch (error) {
      if (signal.aborted) return
      const stays = error instanceof VitrineError && error.status < 500
      if (!wasConnected || stays) throw error
    } finally {
      clearTimeout(timer)
    }
    if (retryMs === RETRY_MS_MIN) lost()
    await sleep(retryMs, undefined, { signal }).catch(() => undefined)
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)
  }
}

/** The lines of a stream of bytes, without empty ones. `heard` is called whenever something arrives. */
async function* linesOf(stream: ReadableStream<Uint8Array>, heard: () => void): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    heard()
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines.filter(line => line.trim() !== '')
    if (rest.length > LINE_CHARACTERS_MAX)
      throw new VitrineError('PLATFORM_UNREACHABLE', 'The platform sent a line without end: connect again')
  }
}

type TailEvent =
  | ({ type: 'log' } & AppLogEvent)
  | ({ type: 'request' } & RequestEvent)
  | { type: 'dropped'; count: number }

const LEVEL_COLOURS = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const satisfies Record<
  LogLevel,
  Colour
>

function show(line: string, terminal: Terminal): void {
  let event: TailEvent
  try {
    event = JSON.parse(line) as TailEvent
  } catch {
    return terminal.print(clean(line))
  }
  if (event.type === 'log') {
    const level = terminal.paint(LEVEL_COLOURS[event.level] ?? 'dim', String(event.level).padEnd(5))
    terminal.print(`${clock(event.time, terminal)} ${level} ${cleanLines(String(event.message))}`)
  } else if (event.type === 'request') showRequest(event, terminal)
  else if (event.type === 'dropped')
    terminal.print(terminal.paint('yellow', `… ${event.count} events left out: this reader is too slow`))
}

function showRequest(event: RequestEvent, terminal: Terminal): void {
  const { method, url, status, outcome, durationMs, cpuMs, coldStart, retries } = event
  const colour = outcome !== 'ok' || status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green'
  const extra = [
    `cpu ${milliseconds(cpuMs)}`,
    ...(coldStart ? ['cold start'] : []),
    ...(retries > 0 ? [`${retries} retries`] : []),
  ]
  terminal.print(
    `${clock(event.startedAt, terminal)} ${terminal.paint('bold', clean(method))} ${clean(url)} ` +
      `${terminal.paint(colour, `${status} ${clean(outcome)}`)} ${milliseconds(durationMs)} ` +
      terminal.paint('dim', `(${extra.join(', ')})`),
  )
}

/** Local time, `12:03:11.123`. */
function clock(time: number, terminal: Terminal): string {
  const date = new Date(time)
  const two = (value: number) => String(value).padStart(2, '0')
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return terminal.paint('dim', `${text}.${String(date.getMilliseconds()).padStart(3, '0')}`)
}
