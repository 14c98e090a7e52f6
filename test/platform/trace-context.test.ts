/** W3C Trace Context through the platform: in the logs, and on to whom an app asks. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { startTestPlatform, type TestPlatform, until } from '../support/platform.ts'

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`

/** Asks the upstream with the headers that the request has behind `x-own-`. */
const APP = `export default { async fetch(request, env) {
  console.log('asked')
  const own = [...request.headers].filter(([name]) => name.startsWith('x-own-'))
  const headers = own.map(([name, value]) => [name.slice(6), value])
  await fetch(new URL(request.url).searchParams.get('upstream'), { headers })
  return new Response(request.headers.get('traceparent'))
} }`

let platform: TestPlatform
let url: string
let heard: IncomingHttpHeaders
const upstream = createServer((request, response) => {
  heard = request.headers
  response.end('well')
})

before(async () => {
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`
  platform = await startTestPlatform({ egressAllow: '127.0.0.0/8' })
  await platform.deploy('asks', APP)
})

after(async () => {
  await platform[Symbol.asyncDispose]()
  upstream.close()
})

function ask(to: TestPlatform, headers: Record<string, string>) {
  return to.fetch('asks', `/?upstream=${encodeURIComponent(url)}`, { headers })
}

test('a trace goes on: the app sees it, and so does whom it asks', async () => {
  const { text } = await ask(platform, {
    traceparent: TRACEPARENT,
    tracestate: 'rojo=00f067aa0ba902b7,congo=t61',
  })

  assert.equal(text, TRACEPARENT)
  assert.equal(heard.traceparent, TRACEPARENT)
  assert.equal(heard.tracestate, 'rojo=00f067aa0ba902b7,congo=t61')
})

test('an app’s own traceparent is left as it is', async () => {
  const own = '00-11111111111111111111111111111111-2222222222222222-00'
  await ask(platform, { traceparent: TRACEPARENT, tracestate: 'rojo=1', 'x-own-traceparent': own })

  assert.equal(heard.traceparent, own)
  assert.equal(heard.tracestate, undefined)
})

const MALFORMED = {
  'in capitals': TRACEPARENT.toUpperCase(),
  'with a trace id of zeros': `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  'with a parent id of zeros': `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
  'of version ff': TRACEPARENT.replace('00-', 'ff-'),
  'of version 00 with more at its end': `${TRACEPARENT}-00`,
  'named twice': `${TRACEPARENT}, ${TRACEPARENT}`,
}
for (const [what, traceparent] of Object.entries(MALFORMED)) {
  test(`a traceparent ${what} goes to the app alone`, async () => {
    const { text } = await ask(platform, { traceparent, tracestate: 'rojo=1' })

    assert.equal(text, traceparent)
    assert.equal(heard.traceparent, undefined)
    assert.equal(heard.tracestate, undefined)
  })
}

test('a traceparent of a later version goes on as it is', async () => {
  const later = `cc-${TRACE_ID}-00f067aa0ba902b7-01-what-the-future-holds`
  await ask(platform, { traceparent: later })

  assert.equal(heard.traceparent, later)
})

test('of a long tracestate the first members go on', async () => {
  const members = Array.from({ length: 32 }, (_, i) => `vendor${i}=${'x'.repeat(40)}`)
  await ask(platform, { traceparent: TRACEPARENT, tracestate: members.join(',') })

  const kept = String(heard.tracestate).split(',')
  assert.deepEqual(kept, members.slice(0, kept.length))
  assert(kept.length > 5 && String(heard.tracestate).length <= 512)
})

test('without a trace nothing is added', async () => {
  await ask(platform, {})

  assert.equal(heard.traceparent, undefined)
})

test('access and console lines name the trace, and name none where there is none', async () => {
  await ask(platform, { traceparent: TRACEPARENT, 'x-request-id': 'traced' })
  await ask(platform, { 'x-request-id': 'untraced' })

  const lines = (id: string) =>
    until(() => {
      const found = platform.log().filter(line => line.requestId === id)
      return found.length === 2 ? found.map(({ kind, traceId }) => ({ kind, traceId })) : null
    })
  const byKind = (a: { kind: unknown }, b: { kind: unknown }) => String(a.kind).localeCompare(String(b.kind))
  assert.deepEqual((await lines('traced')).sort(byKind), [
    { kind: 'console', traceId: TRACE_ID },
    { kind: 'request', traceId: TRACE_ID },
  ])
  assert.deepEqual((await lines('untraced')).sort(byKind), [
    { kind: 'console', traceId: undefined },
    { kind: 'request', traceId: undefined },
  ])
})

test('switched off, a traceparent is a header like any other', async t => {
  const off = await startTestPlatform({ egressAllow: '127.0.0.0/8', traceContext: 'false' })
  t.after(() => off[Symbol.asyncDispose]())
  await off.deploy('asks', APP)

  const { text } = await ask(off, { traceparent: TRACEPARENT, 'x-request-id': 'off' })

  assert.equal(text, TRACEPARENT)
  assert.equal(heard.traceparent, undefined)
  const line = await until(() =>
    off.log().find(({ kind, requestId }) => kind === 'request' && requestId === 'off'),
  )
  assert.equal(line.traceId, undefined)
})
