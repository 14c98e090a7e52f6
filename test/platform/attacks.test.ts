/** Every attack under apps/hostile, once, beside a victim that must not notice. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ACCOMPLICE_HOST, startAccomplice } from '../support/accomplice.ts'
import { type Attack, judge, readAttacks, sendAttack, uploadOf } from '../support/attack.ts'
import { startTestPlatform, type TestPlatform, until } from '../support/platform.ts'

/** So long that on a loaded machine an attack in the background reaches its CPU limit first. */
const WALL_MS = 4000
const VICTIM_PAUSE_MS = 10
/** An attack that fills gigabytes takes 20 s of page faults on a slow virtual machine that has nothing else to do. */
const TEST_MS_MAX = 60_000

let accomplice: AsyncDisposable
let platform: TestPlatform
let victim: { stop(): Promise<{ requests: number; failures: string[] }> }

before(async () => {
  accomplice = await startAccomplice()
  const settings = { wallMs: String(WALL_MS), waitUntilMs: '500', runtimeRssMb: '1024' }
  platform = await startTestPlatform({ ...settings, egressAllow: ACCOMPLICE_HOST })
  await platform.deploy('victim', `export default { fetch() { return new Response('well') } }`)
  victim = steadyClient()
})

after(async () => {
  const { requests, failures } = await victim.stop()
  await platform[Symbol.asyncDispose]()
  await accomplice[Symbol.asyncDispose]()
  assert(requests > 100)
  assert.deepEqual(failures, [], `of ${requests} requests of the victim`)
})

for (const attack of readAttacks()) {
  test(`${attack.name} ends as ${attack.expect.join(' or ')}`, { timeout: TEST_MS_MAX }, async () => {
    const { status, json } = await platform.deploy(attack.name, await uploadOf(attack))
    const outcomes = status === 200 ? await run(attack) : [startOutcome(json.error?.code)]
    await platform.control(`/api/v1/apps/${attack.name}`, { method: 'DELETE' })

    const wrong = judge(attack, outcomes)
    assert.equal(wrong, null, `${wrong}\n${wrong && told(attack.name)}`)
  })
}

function startOutcome(code: string | undefined): string {
  return code === 'STARTUP_FAILED' ? 'startupError' : String(code)
}

/** The newest lines that the platform has logged about the app and its runtimes. */
function told(app: string): string {
  const lines = platform
    .log()
    .filter(line => line.app === app || (line.app === undefined && line.runtime !== undefined))
  return lines
    .slice(-50)
    .map(line => JSON.stringify(line))
    .join('\n')
}

/** Sends the attack's requests and tells the outcomes that the platform logged. */
async function run(attack: Attack): Promise<string[]> {
  const port = Number(new URL(platform.running.appsUrl).port)
  const answers = await sendAttack(attack, { port, neverMs: WALL_MS })
  for (const { status } of answers) if (attack.status !== null) assert.equal(status, attack.status)
  return await until(() => {
    const lines = platform.log().filter(line => line.kind === 'request' && line.app === attack.name)
    const outcomes = new Map(lines.map(line => [line.requestId, String(line.outcome)]))
    const found = answers.map(({ requestId }) => outcomes.get(requestId) ?? '')
    return found.includes('') ? null : found
  })
}

/** Asks the victim again and again, until it is stopped. */
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
      await sleep(VICTIM_PAUSE_MS)
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
