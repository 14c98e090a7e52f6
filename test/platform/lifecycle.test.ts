import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { after, before, test } from 'node:test'
import { startTestPlatform, type TestPlatform, until } from '../support/platform.ts'

const hello = (text: string) => `export default { fetch() { return new Response(${JSON.stringify(text)}) } }`

let platform: TestPlatform

before(async () => {
  platform = await startTestPlatform({ idleMs: '300', appsMax: '3' })
})

after(() => platform[Symbol.asyncDispose]())

test('an app answers at its name once its deploy has been acknowledged', async () => {
  const { status } = await platform.deploy('first', hello('one'))

  const answer = await platform.fetch('first')

  assert.equal(status, 200)
  assert.equal(answer.text, 'one')
  assert.equal(answer.headers['content-length'], '3')
  assert.match(String(answer.headers['x-request-id']), /^[\w-]{8,}$/)
})

test('a deploy under traffic fails no request, and the next request is the new version’s', async () => {
  await platform.deploy('moving', hello('0'))
  let stop = false
  const clients = Array.from({ length: 8 }, async () => {
    const seen: string[] = []
    while (!stop) {
      const answer = await platform.fetch('moving')
      assert.equal(answer.status, 200)
      seen.push(answer.text)
    }
    return seen
  })

  for (let version = 1; version <= 5; version++) {
    await platform.deploy('moving', hello(String(version)))
    assert.equal((await platform.fetch('moving')).text, String(version))
  }
  stop = true

  for (const seen of await Promise.all(clients)) {
    assert(seen.length > 0)
    assert.deepEqual(seen, seen.toSorted(), 'an older version answered after a newer one')
  }
})

test('a request in flight ends on the version that it began with', async () => {
  await platform.deploy(
    'slow',
    `export default { async fetch() { await scheduler.wait(300); return new Response('old') } }`,
  )
  const inFlight = platform.fetch('slow')
  await until(async () => (await platform.metric('vitrine_requests_in_flight{app="slow"}')) === 1)

  await platform.deploy('slow', hello('new'))

  assert.equal((await platform.fetch('slow')).text, 'new')
  assert.equal((await inFlight).text, 'old')
})

test('a deploy that does not start changes nothing', async () => {
  await platform.deploy('steady', hello('good'))

  const broken = await platform.deploy('steady', 'export default {\n  fetch() { return }\n')

  assert.equal(broken.status, 422)
  assert.equal(broken.json.error?.code, 'STARTUP_FAILED')
  assert.match(`${broken.json.error?.message}${broken.json.error?.detail}`, /SyntaxError[\s\S]*index\.js:3/)
  assert.equal((await platform.fetch('steady')).text, 'good')
})

test('an unknown host is answered as such, as JSON or as a page', async () => {
  const json = await platform.fetch('nobody')
  const html = await platform.fetch('nobody', '/', { headers: { accept: 'text/html' } })

  assert.equal(json.status, 404)
  assert.equal(json.outcome, 'scriptNotFound')
  const { outcome, message, requestId } = JSON.parse(json.text)
  assert.deepEqual(
    [outcome, typeof message, requestId],
    ['scriptNotFound', 'string', json.headers['x-request-id']],
  )
  assert.match(String(html.headers['content-type']), /^text\/html/)
})

test('apps, ready instances and uptime are true after a deploy, in idleness, at eviction and after deletion', async () => {
  await platform.deploy('watched', hello('here'))
  await platform.fetch('watched')
  assert.equal(await platform.metric('vitrine_app_ready_instances{app="watched"}'), 1)
  assert.equal(
    await platform.metric('vitrine_requests_total{app="watched",outcome="ok",code_class="2xx"}'),
    1,
  )
  const started = await platform.metric('vitrine_app_start_time_seconds{app="watched"}')
  assert(Math.abs(started! - Date.now() / 1000) < 60)
  assert((await platform.metric('vitrine_app_uptime_seconds{app="watched"}'))! >= 0)

  await until(async () => (await platform.metric('vitrine_app_ready_instances{app="watched"}')) === 0)
  // It is counted when its runtime says that it has ended, a moment after it stops being ready.
  const ended = 'vitrine_instance_terminations_total{app="watched",reason="idle"}'
  await until(async () => (await platform.metric(ended)) === 1)

  for (const name of ['one', 'two', 'three']) {
    await platform.deploy(name, hello(name))
    await platform.fetch(name)
  }
  assert.equal(await platform.metric('vitrine_app_ready_instances{app="watched"}'), undefined)
  assert.equal(await platform.metric('vitrine_apps_loaded'), 3)
  assert.equal((await platform.metric('vitrine_app_evictions_total{reason="evict"}')) !== 0, true)

  const before = await platform.metric('vitrine_apps_deployed')
  await platform.control('/api/v1/apps/one', { method: 'DELETE' })
  assert.equal((await platform.fetch('one')).status, 404)
  assert.equal(await platform.metric('vitrine_apps_deployed'), before! - 1)
  assert.equal(await platform.metric('vitrine_app_ready_instances{app="one"}'), undefined)
  assert.equal(
    await platform.metric('vitrine_requests_total{app="one",outcome="ok",code_class="2xx"}'),
    undefined,
  )
})

test('routes send the most specific host and the longest path to their app', async () => {
  await platform.deploy('site', hello('site'), { routes: ['example.test/*', '*.example.test/*'] })
  await platform.deploy('api', hello('api'), { routes: ['example.test/api/*'] })

  const at = async (host: string, path: string) => (await platform.fetch(host, path)).text
  assert.deepEqual(
    [
      await at('example.test', '/'),
      await at('example.test', '/api/x'),
      await at('example.test', '/apix'),
      await at('www.example.test', '/api/x'),
    ],
    ['site', 'api', 'site', 'site'],
  )
  assert.equal((await platform.fetch('other.test')).status, 404)
})

test('rolling back serves the version before', async () => {
  await platform.deploy('back', hello('v1'))
  await platform.deploy('back', hello('v2'))

  await platform.control('/api/v1/apps/back/rollback', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })

  assert.equal((await platform.fetch('back')).text, 'v1')
})

test('an app that spins is stopped and its neighbour keeps answering', async () => {
  await platform.deploy('neighbour', hello('still here'))
  await platform.deploy('spin', 'export default { fetch() { for (;;); } }')

  const [spun, ...greeted] = await Promise.all([
    platform.fetch('spin'),
    ...Array.from({ length: 50 }, () => platform.fetch('neighbour')),
  ])

  assert.equal(spun.status, 503)
  assert.equal(spun.outcome, 'exceededCpu')
  assert(greeted.every(answer => answer.text === 'still here'))
  assert.equal(
    await platform.metric('vitrine_instance_terminations_total{app="spin",reason="exceededCpu"}'),
    1,
  )
  const record = await until(() =>
    platform.log().find(line => line.app === 'spin' && line.reason === 'exceededCpu'),
  )
  assert.equal(record.requestId, spun.headers['x-request-id'])
})

test('an app that throws answers 500, and the log has its stack', async () => {
  await platform.deploy('thrower', `export default { fetch() { throw new Error('no luck') } }`)

  const answer = await platform.fetch('thrower')

  assert.equal(answer.status, 500)
  assert.equal(answer.outcome, 'exception')
  assert(!answer.text.includes('no luck'), 'a client learns nothing of an app’s insides')
  const record = await until(() =>
    platform.log().find(line => line.app === 'thrower' && String(line.message).includes('no luck')),
  )
  assert.match(String(record.message), /index\.js:1/)
})

test('an app that shares its cores with many others is ended for its own CPU time only', async () => {
  await using platform = await startTestPlatform()
  const names = Array.from({ length: 4 * availableParallelism() }, (_, index) => `crowd-${index}`)
  const work = `export default { fetch(request) {
    const began = Date.now()
    let sum = 0
    for (let left = Number(new URL(request.url).search.slice(1)); left > 0; left--) sum = (sum * 31 + left) | 0
    return new Response(String(Date.now() - began + 0 * sum))
  } }`
  for (const name of names) await platform.deploy(name, work)
  const loops = 20_000_000
  await platform.fetch(names[0]!, `/?${loops}`)
  const { text: aloneMs } = await platform.fetch(names[0]!, `/?${loops}`)
  const path = `/?${Math.round((loops * 100) / Number(aloneMs))}`

  const answers = await Promise.all(names.map(name => platform.fetch(name, path)))

  assert.deepEqual(
    answers.map(({ status }) => status),
    names.map(() => 200),
  )
})
