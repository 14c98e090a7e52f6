/** Apps made of npm's packages, as their authors write them for Workers: built by `deploy`'s own build, and unchanged. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { startTestPlatform, type TestPlatform, until } from '../support/platform.ts'

const APPS = fileURLToPath(new URL('apps/', import.meta.url))

let platform: TestPlatform

before(async () => {
  platform = await startTestPlatform()
})

after(() => platform[Symbol.asyncDispose]())

/** Deploys an app of apps/ before the tests of a suite. */
function deploys(name: string, file: string, metadata = {}): void {
  before(async () => {
    const { status, json } = await platform.deploy(name, { path: APPS + file }, metadata)
    assert.equal(status, 200, JSON.stringify(json))
  })
}

/** The pieces of an answer's body, as they come. */
async function chunksOf(app: string, path: string): Promise<string[]> {
  const { port } = new URL(platform.running.appsUrl)
  const outgoing = request({ port, path, headers: { host: `${app}.localhost` } }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  return Array.fromAsync(response as AsyncIterable<string>)
}

/** What had come before the first chunk with `text` in it. */
function textBefore(text: string, chunks: string[]): string {
  const index = chunks.findIndex(chunk => chunk.includes(text))
  assert.notEqual(index, -1, `no chunk has ${text}`)
  return chunks.slice(0, index).join('')
}

const GREETING = { vars: { GREETING: 'Hello' } }

describe('hono', () => {
  deploys('hono', 'hono.ts', { ...GREETING, routes: ['127.0.0.1/socket'] })

  test('routes, parameters and queries, with the headers that its middleware sets', async () => {
    const root = await platform.fetch('hono')
    assert.equal(root.text, 'Hello from /')
    assert.equal(root.headers['x-content-type-options'], 'nosniff')
    assert.match(String(root.headers['server-timing']), /^total;dur=/)

    const user = await platform.fetch('hono', '/api/users/7?q=x%20y', {
      headers: { origin: 'https://example.com' },
    })
    assert.deepEqual(JSON.parse(user.text), { id: 7, q: 'x y' })
    assert.equal(user.headers['access-control-allow-origin'], 'https://example.com')
    const again = { headers: { 'if-none-match': String(user.headers.etag) } }
    assert.equal((await platform.fetch('hono', '/api/users/7?q=x%20y', again)).status, 304)
    assert.equal((await platform.fetch('hono', '/api/users/seven')).status, 404)
  })

  test('bodies: JSON that a validator checks, and a file in a form', async () => {
    const post = (path: string, type: string, body: string) =>
      platform.fetch('hono', path, { method: 'POST', headers: { 'content-type': type }, body })
    const created = await post('/api/users', 'application/json', '{"name":"Ada"}')
    assert.deepEqual([created.status, created.text], [201, '{"created":"Ada"}'])
    assert.equal((await post('/api/users', 'application/json', '{}')).status, 422)
    assert.equal((await post('/api/users', 'application/json', '{')).status, 400)

    const form =
      '--x\r\ncontent-disposition: form-data; name="file"; filename="ü.txt"\r\ncontent-type: text/csv\r\n\r\na,b\r\n--x--\r\n'
    const uploaded = await post('/upload', 'multipart/form-data; boundary=x', form)
    assert.deepEqual(JSON.parse(uploaded.text), { name: 'ü.txt', type: 'text/csv', text: 'a,b' })
  })

  test('cookies, passwords, streams and errors', async () => {
    const cookies = await platform.fetch('hono', '/cookies', { headers: { cookie: 'seen=3' } })
    assert.equal(cookies.text, '<p>3</p>')
    assert.deepEqual(cookies.headers['set-cookie'], ['seen=4; Path=/; HttpOnly'])

    assert.equal((await platform.fetch('hono', '/secret')).status, 401)
    const authorization = `Basic ${btoa('ada:lovelace')}`
    assert.equal((await platform.fetch('hono', '/secret', { headers: { authorization } })).text, 'the secret')

    assert.equal((await platform.fetch('hono', '/stream')).text, 'line 0\nline 1\nline 2\n')
    const failed = await platform.fetch('hono', '/fails')
    assert.deepEqual([failed.status, failed.text], [500, '{"error":"as asked"}'])
  })

  test('a WebSocket, by its helper for Workers', async () => {
    const { port } = new URL(platform.running.appsUrl)
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`)
    await once(socket, 'open')
    socket.send('hello')
    const [{ data }] = (await once(socket, 'message')) as [MessageEvent]
    assert.equal(data, 'you said hello')
    socket.close(1000)
    await once(socket, 'close')
  })
})

describe('Hono’s JSX and middleware', () => {
  deploys('honojsx', 'hono-jsx.tsx')

  test('a page is streamed: its fallback has come before what it waits for is there', async () => {
    const chunks = await chunksOf('honojsx', '/page?ms=300')

    assert.match(textBefore('arrived', chunks), /^<main>.*<i>loading<\/i>.*<\/main>/s)
    assert.match(chunks.join(''), /<p>arrived<\/p>/)
  })

  test('an answer is compressed for those who say that they can read it', async () => {
    const text = 'glass '.repeat(1000)
    const headers = { 'accept-encoding': 'gzip' }
    const compressed = await platform.fetch('honojsx', '/compressed', { headers })

    assert.equal(compressed.headers['content-encoding'], 'gzip')
    assert.equal(gunzipSync(compressed.body).toString(), text)
    assert.equal((await platform.fetch('honojsx', '/compressed')).text, text)
  })

  test('an answer that is cached is not made again', async () => {
    const cached = (path: string) => platform.fetch('honojsx', path)
    // It is put into the cache once the client has it, at a time of its own.
    const first = await until(async () => {
      const { text } = await cached('/cached')
      return text === (await cached('/cached')).text && text
    })

    const again = await cached('/cached')
    assert.deepEqual([again.text, again.headers['cache-control']], [first, 'max-age=60'])
    assert.notEqual((await cached('/cached?other')).text, first)
  })

  test('a token lets in, a forged one and none do not', async () => {
    const { text: good } = await platform.fetch('honojsx', '/token')
    const me = (bearer: string) =>
      platform.fetch('honojsx', '/me', { headers: { authorization: `Bearer ${bearer}` } })

    assert.equal((await me(good)).text, 'ada')
    assert.equal((await me(token({ sub: 'ada' }, 'another'))).status, 401)
    assert.equal((await platform.fetch('honojsx', '/me')).status, 401)
  })

  test('server-sent events', async () => {
    const { text, headers } = await platform.fetch('honojsx', '/events')
    assert.equal(headers['content-type'], 'text/event-stream')
    assert.deepEqual(
      [...text.matchAll(/^event: tick\ndata: (\d)\nid: \1$/gm)].map(([, data]) => data),
      ['1', '2', '3'],
    )
  })
})

describe('itty-router', () => {
  deploys('itty', 'itty-router.ts', GREETING)

  test('routes, bodies, errors and CORS', async () => {
    const hello = await platform.fetch('itty', '/hello/ada?a=1&a=2', {
      headers: { origin: 'https://example.com' },
    })
    assert.deepEqual(JSON.parse(hello.text), { hello: 'ada', query: { a: ['1', '2'] }, greeting: 'Hello' })
    assert.equal(hello.headers['access-control-allow-origin'], 'https://example.com')

    const echoed = await platform.fetch('itty', '/echo', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"a":[1]}',
    })
    assert.equal(echoed.text, '{"a":[1]}')
    assert.deepEqual(JSON.parse((await platform.fetch('itty', '/teapot')).text), {
      status: 418,
      error: 'short and stout',
    })
    assert.deepEqual(JSON.parse((await platform.fetch('itty', '/throws')).text), {
      status: 409,
      error: 'Unknown Error',
      why: 'as asked',
    })
    // Its corsify() loses the status, in every engine: the body tells it.
    assert.equal(JSON.parse((await platform.fetch('itty', '/nowhere')).text).status, 404)
    assert.equal((await platform.fetch('itty', '/echo', { method: 'OPTIONS' })).status, 204)
  })
})

describe('React', () => {
  deploys('react', 'react.tsx')

  test('a page is streamed: its fallback has come before what it waits for is there', async () => {
    const chunks = await chunksOf('react', '/?ms=300')

    const early = textBefore('arrived', chunks)
    assert.match(early, /^<!DOCTYPE html><html lang="en">.*<h1>Ready &amp; waiting<\/h1>.*<i>loading<\/i>/s)
    assert.match(chunks.join(''), /<p id="[^"]+">arrived<\/p>/)
  })

  test('a page can be had in one piece, for those who cannot wait for scripts', async () => {
    const { text, headers } = await platform.fetch('react', '/?ms=5&whole')
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.match(text, /<h1>Ready &amp; waiting<\/h1>(?:<!--\$-->)?<p id="[^"]+">arrived<\/p>/)
    assert.doesNotMatch(text, /loading/)
  })
})

describe('GraphQL Yoga', () => {
  deploys('yoga', 'graphql-yoga.ts', GREETING)

  const ask = (query: string, variables = {}, accept = 'application/json') =>
    platform.fetch('yoga', '/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept },
      body: JSON.stringify({ query, variables }),
    })

  test('queries and mutations, by GET and by POST', async () => {
    const query = encodeURIComponent('{ hello(name: "Ada") }')
    const got = await platform.fetch('yoga', `/graphql?query=${query}`, {
      headers: { accept: 'application/json' },
    })
    assert.deepEqual(JSON.parse(got.text), { data: { hello: 'Hello, Ada' } })

    const added = await ask('mutation ($text: String!) { addNote(text: $text) { id text } }', { text: 'é' })
    assert.deepEqual(JSON.parse(added.text), { data: { addNote: { id: 1, text: 'é' } } })
  })

  test('errors are told by the operation, and wrong queries refused', async () => {
    const failed = JSON.parse((await ask('{ hello fails }')).text)
    assert.equal(failed.data.hello, 'Hello, world')
    assert.equal(failed.errors[0].extensions.code, 'ASKED')
    assert.equal((await ask('{ nothing }', {}, 'application/graphql-response+json')).status, 400)
  })

  test('a subscription is a stream of events', async () => {
    const { text, headers } = await ask('subscription { countdown(from: 3) }', {}, 'text/event-stream')
    assert.match(String(headers['content-type']), /^text\/event-stream/)
    const counts = [...text.matchAll(/"countdown":(\d)/g)].map(([, count]) => count)
    assert.deepEqual(counts, ['3', '2', '1'])
  })
})

describe('jose', () => {
  deploys('jose', 'jose.ts', { limits: { cpu_ms: 2000 } })

  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA'])
    test(`tokens are signed and verified with ${alg}`, async () => {
      const { text } = await platform.fetch('jose', `/sign/${alg}`)
      assert.deepEqual(JSON.parse(text), { sub: 'ada', alg, thumbprint: 43 })
    })

  for (const [alg, enc] of [
    ['RSA-OAEP-256', 'A256GCM'],
    ['ECDH-ES+A128KW', 'A128CBC-HS256'],
  ])
    test(`texts are encrypted with ${alg} and ${enc}`, async () => {
      assert.equal((await platform.fetch('jose', `/encrypt/${alg}/${enc}`)).text, 'a secret text')
    })

  test('tokens of others are verified, expired and forged ones refused', async () => {
    const { text } = await platform.fetch('jose', '/standard')
    assert.deepEqual(JSON.parse(text), { iss: 'joe', exp: 1_300_819_380, 'http://example.com/is_root': true })
    assert.equal(JSON.parse((await platform.fetch('jose', '/sign/HS256')).text).admin, true)

    const verify = async (token: string) => {
      const { text: answer } = await platform.fetch('jose', '/verify', {
        headers: { authorization: `Bearer ${token}` },
      })
      return JSON.parse(answer)
    }
    const secret = 'a secret of at least 32 bytes, as HS256 wants'
    assert.deepEqual(await verify(token({ sub: 'node' }, secret)), { sub: 'node' })
    assert.deepEqual(await verify(token({ exp: 1 }, secret)), { code: 'ERR_JWT_EXPIRED' })
    assert.deepEqual(await verify(token({ sub: 'node' }, 'another')), {
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    })
  })
})

/** A token that Node signs. */
function token(payload: object, secret: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${encode({ alg: 'HS256' })}.${encode(payload)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

describe('tRPC and zod', () => {
  deploys('trpc', 'trpc.ts')

  const query = async (path: string, input?: unknown, headers = {}) => {
    const search = input === undefined ? '' : `?input=${encodeURIComponent(JSON.stringify(input))}`
    const { status, text } = await platform.fetch('trpc', `/trpc/${path}${search}`, { headers })
    return { status, json: JSON.parse(text) }
  }

  test('procedures are called with inputs that are checked', async () => {
    assert.equal((await query('greet', { name: 'Ada', times: 2 })).json.result.data, 'Hello AdaHello Ada')
    const wrong = await query('greet', { name: 'A', times: -1 })
    assert.equal(wrong.status, 400)
    assert.deepEqual(
      (JSON.parse(wrong.json.error.message) as { path: string[] }[]).map(({ path }) => path[0]),
      ['name', 'times'],
    )
  })

  test('contexts, mutations and batches', async () => {
    assert.equal((await query('me')).status, 401)
    assert.deepEqual((await query('me', undefined, { 'x-user': 'ada' })).json.result.data, { user: 'ada' })
    const added = await platform.fetch('trpc', '/trpc/add', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '[40,2]',
    })
    assert.equal(JSON.parse(added.text).result.data, 42)
    const batch = encodeURIComponent(JSON.stringify({ 0: { name: 'Ada' }, 1: { name: 'Bob' } }))
    const both = await platform.fetch('trpc', `/trpc/greet,greet?batch=1&input=${batch}`)
    assert.deepEqual(
      JSON.parse(both.text).map(({ result }: { result: { data: string } }) => result.data),
      ['Hello Ada', 'Hello Bob'],
    )
  })
})

describe('resvg, of wasm-bindgen', () => {
  deploys('resvg', 'resvg.ts', { limits: { cpu_ms: 5000, startup_cpu_ms: 5000 } })

  test('a picture is drawn by WebAssembly', async () => {
    const body =
      '<svg xmlns="http://www.w3.org/2000/svg" width="2" height="1"><rect width="2" height="1" fill="red"/></svg>'
    const { status, body: png, headers } = await platform.fetch('resvg', '/', { method: 'POST', body })
    assert.deepEqual([status, headers['content-type']], [200, 'image/png'])
    assert.equal(png.subarray(1, 4).toString(), 'PNG')
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [64, 32])
  })
})
