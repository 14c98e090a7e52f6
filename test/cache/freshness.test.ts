import { type TestContext, test } from 'node:test'
import { keepingOf, select } from '../../src/cache/freshness.ts'

const NOW = Date.UTC(2026, 0, 1)
const lifetime = (status: number, ...headers: string[]) => keepingOf(status, headers, NOW)?.lifetimeS ?? null

test('a response is kept as long as its headers say, shared caches’ word first', (t: TestContext) => {
  t.assert.equal(lifetime(200, 'cache-control', 'public, max-age=60'), 60)
  t.assert.equal(lifetime(200, 'cache-control', 'max-age=60, s-maxage="90"'), 90)
  t.assert.equal(lifetime(200, 'expires', new Date(NOW + 30_000).toUTCString()), 30)
  t.assert.equal(lifetime(500, 'cache-control', 'max-age=60'), 60)
})

test('one that says nothing is kept by its status', (t: TestContext) => {
  t.assert.deepEqual(
    [200, 301, 302, 404, 500, 201].map(status => lifetime(status)),
    [7200, 7200, 1200, 180, null, null],
  )
})

test('one that must not be shared, has expired or sets cookies is not kept', (t: TestContext) => {
  for (const value of ['no-store', 'No-Cache', 'private', 'private="x-name"', 'max-age=0', 'max-age=soon'])
    t.assert.equal(lifetime(200, 'cache-control', value), null, value)
  t.assert.equal(lifetime(200, 'expires', '0'), null)
  t.assert.equal(lifetime(200, 'set-cookie', 'a=b', 'cache-control', 'max-age=60'), null)
  t.assert.deepEqual(
    keepingOf(200, ['set-cookie', 'a=b', 'cache-control', 'private=Set-Cookie, max-age=60'], NOW)?.headers,
    ['cache-control', 'private=Set-Cookie, max-age=60'],
  )
})

const KEPT = {
  status: 200,
  headers: ['etag', '"a"', 'last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT', 'content-length', '10'],
  bodyBytes: 10,
}

test('a conditional request is answered with 304 if the response is what the client has', (t: TestContext) => {
  const status = (...request: string[]) => select(KEPT, request).status
  t.assert.equal(status('if-none-match', '"b", W/"a"'), 304)
  t.assert.equal(status('if-none-match', '*'), 304)
  t.assert.equal(status('if-none-match', '"b"'), 200)
  t.assert.equal(status('if-modified-since', 'Thu, 01 Jan 2026 00:00:00 GMT'), 304)
  t.assert.equal(status('if-modified-since', 'Wed, 31 Dec 2025 00:00:00 GMT'), 200)
  t.assert.equal(status('if-none-match', '"b"', 'if-modified-since', 'Fri, 02 Jan 2026 00:00:00 GMT'), 200)
})

test('a range request is answered with that part, or with 416, or with the whole if it is no single range', (t: TestContext) => {
  const answer = (range: string) => {
    const { status, from, to, headers } = select(KEPT, ['range', range])
    return [status, from, to, headers[headers.indexOf('content-range') + 1]]
  }
  t.assert.deepEqual(answer('bytes=2-4'), [206, 2, 5, 'bytes 2-4/10'])
  t.assert.deepEqual(answer('bytes=8-'), [206, 8, 10, 'bytes 8-9/10'])
  t.assert.deepEqual(answer('bytes=-3'), [206, 7, 10, 'bytes 7-9/10'])
  t.assert.deepEqual(answer('bytes=5-99'), [206, 5, 10, 'bytes 5-9/10'])
  t.assert.deepEqual(answer('bytes=10-'), [416, 0, 0, 'bytes */10'])
  for (const range of ['bytes=1-2,4-5', 'bytes=4-2', 'bytes=-', 'lines=1-2', 'nonsense'])
    t.assert.equal(answer(range)[0], 200, range)
})
