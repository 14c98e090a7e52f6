/** Every attack under apps/hostile, once, beside a victim that must not notice. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { type ClientRequest, request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startTestPlatform, type TestPlatform, until } from '../support/platform.ts'

const DIRECTORY = join(import.meta.dirname, '../../apps/hostile')
const WALL_MS = 2000

interface Attack {
  name: string
  expect: string[]
  method: string
  bodyBytes: number
  /** How long the response is read; 0: never. */
  readMs: number
  status: number | null
}

/** The table in an attack's comments; apps/README.md says what its lines mean. */
function readAttack(file: string): Attack {
  const source = readFileSync(join(DIRECTORY, file), 'utf8')
  const line = (name: string) => new RegExp(`^// ${name}: (.+)$`, 'm').exec(source)?.[1]?.trim()
  const [method = 'GET', bytes = '0'] = (line('request') ?? '').split(' ').filter(Boolean)
  const read = line('read')
  return {
    name: file.replace(/\.js$/, ''),
    expect: line('expect')!
      .split('|')
      .map(outcome => outcome.trim()),
    method,
    bodyBytes: Number(bytes),
    readMs: read === undefined ? Infinity : read === 'never' ? 0 : Number.parseInt(read, 10),
    status: line('status') === undefined ? null : Number(line('status')),
  }
}

let platform: TestPlatform
let victim: { stop(): Promise<{ requests: number; failures: string[] }> }

before(async () => {
  platform = await startTestPlatform({ wallMs: String(WALL_MS), waitUntilMs: '1000' })
  await platform.deploy('victim', `export default { fetch() { return new Response('well') } }`)
  victim = steadyClient()
})

after(async () => {
  const { requests, failures } = await victim.stop()
  await platform[Symbol.asyncDispose]()
  assert(requests > 100)
  assert.deepEqual(failures, [], `of ${requests} requests of the victim`)
})

for (const attack of readdirSync(DIRECTORY).sort().map(readAttack)) {
  test(`${attack.name} ends as ${attack.expect.join(' or ')}`, { timeout: 30_000 }, async () => {
    const deployed = await platform.deploy(attack.name, { path: join(DIRECTORY, `${attack.name}.js`) })
    const outcome = deployed.status === 200 ? await run(attack) : startOutcome(deployed)
    await platform.control(`/api/v1/apps/${attack.name}`, { method: 'DELETE' })

    assert(attack.expect.includes(outcome), `it ended as ${outcome}: ${JSON.stringify(deployed.json.error)}`)
  })
}

function startOutcome(deployed: Awaited<ReturnType<TestPlatform['deploy']>>): string {
  return deployed.json.error?.code === 'STARTUP_FAILED' ? 'startupError' : String(deployed.json.error?.code)
}

/** Sends the attack's request and tells the outcome that the platform logged. */
async function run(attack: Attack): Promise<string> {
  const outgoing = request({
    host: '127.0.0.1',
    port: Number(new URL(platform.running.appsUrl).port),
    method: attack.method,
    headers: { host: `${attack.name}.localhost` },
    agent: false,
  })
  const status = await exchange(outgoing, attack)
  if (attack.status !== null) assert.equal(status, attack.status)
  const record = await until(() =>
    platform.log().find(line => line.kind === 'request' && line.app === attack.name),
  )
  return String(record.outcome)
}

function exchange(outgoing: ClientRequest, { bodyBytes, readMs }: Attack): Promise<number> {
  return new Promise(resolve => {
    let status = 0
    const leave = () => {
      outgoing.destroy()
      resolve(status)
    }
    outgoing.on('error', () => resolve(status))
    outgoing.on('close', () => resolve(status))
    outgoing.on('response', response => {
      status = response.statusCode!
      response.on('error', () => {})
      if (readMs > 0) response.resume()
      if (readMs !== Infinity) setTimeout(leave, readMs === 0 ? WALL_MS : readMs)
    })
    outgoing.end(bodyBytes > 0 ? Buffer.alloc(bodyBytes, 'x') : undefined)
  })
}

/** Asks the victim without a pause, until it is stopped. */
function steadyClient(): typeof victim {
  let stopped = false
  let requests = 0
  const failures: string[] = []
  const running = (async () => {
    while (!stopped) {
      requests++
      const answer = await platform
        .fetch('victim')
        .catch((error: Error) => ({ status: 0, text: error.message }))
      if (answer.status !== 200) failures.push(`${answer.status} ${answer.text}`)
    }
  })()
  return {
    async stop() {
      stopped = true
      await running
      return { requests, failures }
    },
  }
}
