/** `caches` as apps use it: over HTTP, across instances, and bounded. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

/** What the handler's code returns, by JSON; `cache` is the default one, `url` a key of its own. */
const APP = `export default { async fetch(request, env, ctx) {
  const { pathname } = new URL(request.url)
  const cache = caches.default
  const url = 'https://cached.test' + pathname
  const code = await request.text()
  try {
    const run = new Function('cache', 'url', 'env', 'return (async () => {' + code + '})()')
    return Response.json(await run(cache, url, env) ?? null)
  } catch (error) {
    return Response.json(error.name + ': ' + error.message)
  }
} }`

let platform: TestPlatform

before(async () => {
  platform = await startTestPlatform({ cacheEntryBytesMax: '1000000', cacheAppMb: '3', cpuMs: '2000' })
  await platform.deploy('cached', APP)
  await platform.deploy('neighbour', APP)
})

after(() => platform[Symbol.asyncDispose]())

async function run(path: string, code: string, app = 'cached'): Promise<unknown> {
  const { text } = await platform.fetch(app, path, { method: 'POST', body: code })
  return JSON.parse(text)
}

test('what was put is matched by later requests, with its status, headers and age', async () => {
  await run(
    '/kept',
    `
    await cache.put(url, new Response('body', { status: 404, statusText: 'Gone Fishing', headers: { 'cache-control': 'max-age=60', 'x-own': 'ü' } }))
  `,
  )

  const seen = await run(
    '/kept',
    `
    const found = await cache.match(new Request(url + '#fragment'))
    return [found.status, found.statusText, found.headers.get('x-own'), found.headers.get('cf-cache-status'), found.headers.get('age'), await found.text()]
  `,
  )

  assert.deepEqual(seen, [404, 'Gone Fishing', 'ü', 'HIT', '0', 'body'])
})

test('what is not there, was deleted or may not be kept is undefined', async () => {
  const seen = await run(
    '/gone',
    `
    const missing = await cache.match(url)
    await cache.put(url, new Response('a', { headers: { 'cache-control': 'no-store' } }))
    const refused = await cache.match(url)
    await cache.put(url, new Response('b'))
    const post = await cache.match(new Request(url, { method: 'POST' }))
    const ignored = await cache.match(new Request(url, { method: 'POST' }), { ignoreMethod: true })
    return [missing, refused, post, await ignored.text(), await cache.delete(url), await cache.delete(url), await cache.match(url)].map(value => value ?? null)
  `,
  )

  assert.deepEqual(seen, [null, null, null, 'b', true, false, null])
})

test('caches have names, and neither names nor apps see each other’s responses', async () => {
  const seen = await run(
    '/named',
    `
    const [one, two] = [await caches.open('one'), await caches.open('zwei ☃')]
    await one.put(url, new Response('1'))
    await two.put(url, new Response('2'))
    const again = await caches.open('one')
    return [await (await again.match(url)).text(), await (await two.match(url)).text(), await cache.match(url) ?? null]
  `,
  )

  assert.deepEqual(seen, ['1', '2', null])
  assert.equal(await run('/kept', 'return await cache.match(url)', 'neighbour'), null)
})

test('ranges and conditions are answered from what is kept', async () => {
  const seen = await run(
    '/parts',
    `
    await cache.put(url, new Response('0123456789', { headers: { etag: '"v1"' } }))
    const part = await cache.match(new Request(url, { headers: { range: 'bytes=2-4' } }))
    const same = await cache.match(new Request(url, { headers: { 'if-none-match': '"v1"' } }))
    return [part.status, part.headers.get('content-range'), await part.text(), same.status, await same.text()]
  `,
  )

  assert.deepEqual(seen, [206, 'bytes 2-4/10', '234', 304, ''])
})

test('a stream is kept while it goes on to the client, byte by byte the same', async () => {
  await platform.deploy(
    'streams',
    `export default { async fetch(request, env, ctx) {
      const found = await caches.default.match(request)
      if (found) return found
      let left = 20
      const body = new ReadableStream({ pull(c) { left-- > 0 ? c.enqueue(new Uint8Array(10_000).fill(left)) : c.close() } })
      const response = new Response(body, { headers: { 'cache-control': 's-maxage=100' } })
      ctx.waitUntil(caches.default.put(request, response.clone()))
      return response
    } }`,
  )
  const first = await platform.fetch('streams', '/x')
  const second = await platform.fetch('streams', '/x')

  assert.equal(first.headers['cf-cache-status'], undefined)
  assert.equal(second.headers['cf-cache-status'], 'HIT')
  assert.equal(first.body.length, 200_000)
  assert(first.body.equals(second.body))
})

test('what cannot be put is refused in a sentence', async () => {
  const refusals = await run(
    '/refused',
    `
    const why = async (...args) => { try { return await cache.put(...args) } catch (error) { return error.name + ': ' + error.message } }
    return [
      await why(new Request(url, { method: 'POST' }), new Response('')),
      await why(url, new Response('', { headers: { vary: 'accept, *' } })),
      await why(url, new Response('', { status: 206 })),
      await why('ftp://a.test/', new Response('')),
      await why(url, 'no response'),
      await why(url, new Response('x'.repeat(1_000_001))),
      await why(url, new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65_536)) } }))),
    ]
  `,
  )

  assert.deepEqual(refusals, [
    "TypeError: Failed to execute 'put' on 'Cache': only responses to GET can be put.",
    "TypeError: Failed to execute 'put' on 'Cache': a response with 'Vary: *' cannot be put.",
    "TypeError: Failed to execute 'put' on 'Cache': a partial response cannot be put.",
    "TypeError: Failed to execute 'put' on 'Cache': the request's URL must be of http or https, not 'ftp://a.test/'.",
    "TypeError: Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'.",
    'TypeError: The response is larger than what the cache takes.',
    'TypeError: The response is larger than what the cache takes.',
  ])
})

test('an app that puts more than its share loses its own, and metrics tell', async () => {
  await run('/mine', `await cache.put(url, new Response('mine'))`, 'neighbour')
  for (let i = 0; i < 6; i++)
    await run(`/flood/${i}`, `await cache.put(url, new Response(new Uint8Array(900_000)))`)

  assert.equal(await run('/flood/0', 'return await cache.match(url)'), null)
  assert.notEqual(await run('/flood/5', 'return (await cache.match(url))?.status'), null)
  assert.equal(await run('/mine', 'return await (await cache.match(url)).text()', 'neighbour'), 'mine')
  assert((await platform.metric('vitrine_cache_evictions_total{app="cached"}'))! > 0)
  assert((await platform.metric('vitrine_cache_requests_total{app="cached",result="hit"}'))! > 0)
  assert((await platform.metric('vitrine_cache_bytes'))! > 1_000_000)
})

test('a redeployed app finds its cache, a deleted one does not', async () => {
  await run('/stays', `await cache.put(url, new Response('here'))`, 'neighbour')
  await platform.deploy('neighbour', `${APP}\n// again`)
  assert.equal(await run('/stays', 'return await (await cache.match(url)).text()', 'neighbour'), 'here')

  await platform.control('/api/v1/apps/neighbour', { method: 'DELETE' })
  await platform.deploy('neighbour', APP)
  assert.equal(await run('/stays', 'return await cache.match(url)', 'neighbour'), null)
})

test('outside of a request there is no cache', async () => {
  const { status, json } = await platform.deploy(
    'early',
    `await caches.default.match('https://a.test/')\nexport default { fetch() {} }`,
  )

  assert.equal(status, 422)
  assert.match(String(json.error?.message), /caches is not allowed in global scope/)
})
