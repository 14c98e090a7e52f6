import { suite, type TestContext, test } from 'node:test'
import type { DispatchedExchange } from '../../src/scheduler/dispatch.ts'
import { startTestPlatform } from '../support/platform.ts'
import { HOSTILE_REQUESTS } from './hostile-requests.ts'
import { sendRaw, setUp, type TestRuntime } from './setup.ts'

const ok = (exchange: DispatchedExchange) => {
  exchange.onHead(200, ['content-type', 'text/plain'], 'ok')
  exchange.onEnd(0)
}

/** Answers what has come whole, at once or when `later` calls back. */
function answering(later: (answer: () => void) => void) {
  return (exchange: DispatchedExchange, runtime: TestRuntime) => {
    const answer = () => later(() => ok(exchange))
    if (!exchange.hasBody) return answer()
    runtime.onBody = () => {
      if (runtime.ended) answer()
    }
  }
}

const APPS = {
  'at once': answering(answer => answer()),
  later: answering(answer => void setTimeout(answer, 3)),
}

for (const [when, app] of Object.entries(APPS)) {
  suite(`before an app that answers ${when}, the proxy reads as the standard says`, () => {
    for (const { name, bytes, statuses, seen } of HOSTILE_REQUESTS) {
      test(name, async (t: TestContext) => {
        const { port, scheduler, events } = await setUp(t, app)

        const answer = await sendRaw(port, bytes)

        const requests = scheduler.exchanges.map((exchange, i) => {
          const [method, url] = exchange.head().split('\n', 2)
          const { body, ended } = scheduler.runtimes[i]!
          const isWhole = ended || !exchange.hasBody
          return `${method} ${url} ${body.toString('latin1')}${isWhole ? '' : '…'}`
        })
        t.assert.deepEqual({ statuses: statusesOf(answer), requests }, { statuses, requests: seen })
        t.assert.equal(
          events.length,
          statuses.filter(status => status >= 200).length,
          'one event for each answer',
        )
      })
    }
  })
}

test('a request on the way is not answered with what was meant for CONNECT', async (t: TestContext) => {
  const { port, scheduler, events } = await setUp(t, () => {})

  const answer = await sendRaw(
    port,
    'GET / HTTP/1.1\r\nhost: a\r\n\r\nCONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n',
  )

  t.assert.equal(answer, '')
  t.assert.deepEqual(scheduler.cancelled, scheduler.exchanges)
  t.assert.equal(events.length, 1)
})

test('a body that breaks off after its response gets no second one', async (t: TestContext) => {
  const { port } = await setUp(t, ok)

  const answer = await sendRaw(
    port,
    'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\nz\r\n',
  )

  t.assert.deepEqual(statusesOf(answer), [200])
})

test('the whole platform gives the same answers, and serves on', async (t: TestContext) => {
  await using platform = await startTestPlatform({ cpuMs: '1000' })
  await platform.deploy(
    'target',
    `const seen = []
    export default { async fetch(request) {
      if (request.url.endsWith('/seen')) return Response.json(seen)
      const body = await request.text()
      seen.push(request.url)
      return new Response('ok')
    } }`,
    { routes: ['*/*'] },
  )
  const port = Number(new URL(platform.running.appsUrl).port)

  for (const { name, bytes, statuses } of HOSTILE_REQUESTS) {
    t.assert.deepEqual(statusesOf(await sendRaw(port, bytes)), statuses, name)
  }

  const seen = JSON.parse((await platform.fetch('target', '/seen')).text) as string[]
  t.assert.equal(seen.length > 0 && !seen.some(url => url.includes('smuggled')), true, String(seen))
  t.assert.equal(await platform.metric('vitrine_app_ready_instances{app="target"}'), 1)
  t.assert.equal(
    await platform.metric('vitrine_requests_total{app="target",outcome="exception",code_class="5xx"}'),
    0,
  )
})

function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(match => Number(match[1]))
}
