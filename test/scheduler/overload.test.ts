import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestPlatform, type TestPlatform, until } from '../support/platform.ts'

const QUEUE_MAX = 50
/** Far more than an unloaded platform needs, far less than an overloaded one would let them wait. */
const PROMPT_MS = 1000

const LOGS_AND_SPINS = `export default {
  async fetch() {
    console.log('last words')
    await scheduler.wait(1)
    for (;;);
  },
}`

let platform: TestPlatform

before(async () => {
  platform = await startTestPlatform({ queueMax: String(QUEUE_MAX), platformQueueMax: '100', wallMs: '1500' })
  await platform.deploy('silent', 'export default { fetch() { return new Promise(() => {}) } }')
  await platform.deploy('victim', `export default { fetch() { return new Response('well') } }`)
})

after(() => platform[Symbol.asyncDispose]())

test('a burst is shed beyond its app’s share; neighbours, control and health go on', async () => {
  await platform.fetch('victim')
  const burst = Array.from({ length: 4 * QUEUE_MAX }, () => platform.fetch('silent'))
  await until(async () => (await platform.metric('vitrine_requests_in_flight{app="silent"}')) === QUEUE_MAX)

  const began = performance.now()
  const [victims, apps, health] = await Promise.all([
    Promise.all(Array.from({ length: QUEUE_MAX }, () => platform.fetch('victim'))),
    platform.control('/api/v1/apps'),
    fetch(new URL('/healthz', platform.running.metricsUrl)),
  ])
  const tookMs = performance.now() - began

  assert.deepEqual([...new Set(victims.map(({ text }) => text))], ['well'])
  assert.deepEqual([apps.status, health.status], [200, 200])
  assert(tookMs < PROMPT_MS, `it took ${tookMs} ms`)
  const outcomes = Map.groupBy(await Promise.all(burst), ({ outcome }) => outcome)
  const shed = outcomes.get('loadShed')!
  assert.equal(shed.length, 3 * QUEUE_MAX)
  assert.equal(outcomes.get('exceededWallTime')!.length, QUEUE_MAX)
  for (const { status, headers } of shed) assert.deepEqual([status, headers['retry-after']], [503, '1'])
})

test('a kill leaves a record of who, why, what it said last and what it used', async () => {
  await platform.deploy('spin', LOGS_AND_SPINS)

  const { headers } = await platform.fetch('spin')

  const requestId = headers['x-request-id']
  const lines = await until(() => {
    const found = platform.log().filter(line => line.requestId === requestId && line.level !== 'info')
    return found.length >= 2 ? found : null
  })
  const kill = lines.find(({ reason }) => reason === 'exceededCpu')!
  const { app, version, lastLines, guiltyCpuMs, heapBytes, detail } = kill
  assert.deepEqual([app, lastLines], ['spin', ['last words']])
  assert.match(String(version), /\w/)
  assert.match(String(detail), /more than 200 ms of CPU time/)
  assert(Number(guiltyCpuMs) >= 200 && Number(guiltyCpuMs) < 2000, `${guiltyCpuMs} ms`)
  assert.equal(typeof heapBytes, 'number')
  const request = lines.find(({ kind }) => kind === 'request')!
  assert.equal(request.outcome, 'exceededCpu')
  assert(Number(request.cpuMs) >= 200, `${request.cpuMs} ms`)
})

test('an app in quarantine is shown as such, counted, logged, and let out by hand', async () => {
  await platform.deploy('bomb', 'export default { fetch() { new Array(1e9).fill(1) } }')
  const post = (path: string) =>
    platform.control(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  const gauge = () => platform.metric('vitrine_apps_quarantined')
  const shown = async () => JSON.parse((await platform.control('/api/v1/apps/bomb')).text)

  await platform.fetch('bomb')

  const { quarantine } = await until(async () => ((await shown()).quarantine ? shown() : null))
  assert.deepEqual(
    [quarantine.state, quarantine.reason, quarantine.deaths],
    ['quarantined', 'catastrophe', 1],
  )
  assert.equal(await gauge(), 1)
  await until(() => platform.log().find(({ app, change }) => app === 'bomb' && change === 'quarantined'))
  const release = () => post('/api/v1/apps/bomb/release')
  assert.deepEqual(JSON.parse((await release()).text), { released: true })
  assert.deepEqual(JSON.parse((await release()).text), { released: false })
  assert.deepEqual([(await shown()).quarantine, await gauge()], [null, 0])
})
