import { request as httpRequest, type IncomingMessage } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { loadConfig } from '../../src/config.ts'
import { startControl } from './control.ts'

const TOKEN = 'a-token-of-some-length'

interface Asked {
  status: number
  headers: IncomingMessage['headers']
  body: string
}

/** Any header may be set, as a browser or an attacker would; fetch() forbids some. */
function ask(
  port: number,
  headers: Record<string, string>,
  { method = 'GET', path = '/api/v1/apps', body = '' } = {},
) {
  const { promise, resolve, reject } = Promise.withResolvers<Asked>()
  const request = httpRequest({ port, host: '127.0.0.1', method, path, headers }, async response => {
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    resolve({ status: response.statusCode!, headers: response.headers, body: text })
  })
  request.on('error', reject).end(body)
  return promise
}

suite('without a token', () => {
  test('requests that name this machine are answered', async (t: TestContext) => {
    const { port } = await startControl(t)

    for (const host of [
      'localhost',
      `localhost:${port}`,
      'LOCALHOST',
      '127.0.0.1',
      `127.0.0.1:${port}`,
      '[::1]',
      '10.0.0.1',
      'localhost.',
    ]) {
      t.assert.equal((await ask(port, { host })).status, 200, host)
    }
  })

  test('a domain that someone points at this machine is refused, for the page too', async (t: TestContext) => {
    const { port } = await startControl(t)

    for (const host of [
      'evil.test',
      `evil.test:${port}`,
      'localhost.evil.test',
      '127.0.0.1.evil.test',
      'hello.localhost',
    ]) {
      for (const path of ['/api/v1/apps', '/', '/nothing']) {
        const { status, body } = await ask(port, { host }, { path })
        t.assert.equal(status, 403, `${host}${path}`)
        t.assert.match(body, /CROSS_SITE.*by IP address or as localhost, or set --token/)
      }
    }
  })

  test('the host it is bound to is a name of it', async (t: TestContext) => {
    const { port } = await startControl(t, { config: { control: { host: 'Box.internal', port: 0 } } })

    t.assert.equal((await ask(port, { host: 'box.internal:3081' })).status, 200)
  })
})

suite('a page of another site', () => {
  const foreign: Record<string, string>[] = [
    { origin: 'http://evil.test' },
    { origin: 'null' },
    { origin: 'http://hello.localhost:3080' },
    { origin: 'http://localhost:3080' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'nonsense' },
  ]
  for (const headers of foreign) {
    test(`with ${JSON.stringify(headers)} can neither read nor change anything`, async (t: TestContext) => {
      const control = await startControl(t)
      await control.deploy('hello')
      const all = { host: `localhost:${control.port}`, ...headers }
      const attempts = [
        { path: '/api/v1/apps' },
        { path: '/api/v1/apps/hello/tail' },
        { method: 'DELETE', path: '/api/v1/apps/hello' },
        { method: 'OPTIONS', path: '/api/v1/apps/hello' },
        { method: 'PUT', path: '/api/v1/apps/new' },
        { method: 'POST', path: '/api/v1/routes', body: '{"pattern":"a.test/*","app":"hello"}' },
      ]

      for (const attempt of attempts) {
        const type = attempt.method === 'PUT' ? 'multipart/form-data; boundary=x' : 'application/json'
        const { status, headers: answered } = await ask(
          control.port,
          { ...all, 'content-type': type },
          attempt,
        )
        t.assert.equal(status, 403, `${attempt.method} ${attempt.path}`)
        t.assert.ok(!Object.keys(answered).some(name => name.startsWith('access-control-')))
      }
      t.assert.ok(await control.store.app('hello'))
      t.assert.deepEqual(await control.store.routes(), [])
    })
  }

  test('cannot use it with a token either, and may link to the page', async (t: TestContext) => {
    const { port } = await startControl(t, { config: { token: TOKEN } })
    const headers = { host: 'vitrine.test', 'sec-fetch-site': 'cross-site', authorization: `Bearer ${TOKEN}` }

    t.assert.equal((await ask(port, headers)).status, 403)
    t.assert.equal((await ask(port, headers, { path: '/' })).status, 200)
  })

  test('is told apart from its own page and from programs', async (t: TestContext) => {
    const { port } = await startControl(t)
    const host = `localhost:${port}`

    const own: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'same-origin', origin: `http://${host}` },
      { 'sec-fetch-site': 'none' },
    ]
    for (const headers of own) {
      t.assert.equal((await ask(port, { host, ...headers })).status, 200)
    }
  })
})

test('what a form can send without asking is no change', async (t: TestContext) => {
  const control = await startControl(t)
  await control.deploy('hello')
  const body = '{"pattern":"a.test/*","app":"hello"}'

  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    '',
  ]) {
    const headers = { host: 'localhost', ...(type !== '' && { 'content-type': type }) }
    const { status } = await ask(control.port, headers, { method: 'POST', path: '/api/v1/routes', body })
    t.assert.equal(status, 400, type)
  }
  t.assert.deepEqual(await control.store.routes(), [])
})

suite('what is malformed is refused in one sentence, and is no fault of ours:', () => {
  const queries: [path: string, message: RegExp][] = [
    ['apps?after=a&after=b', /after is given twice/],
    ['routes?after=a&after=b', /after is given twice/],
    ['routes?app=..%2Fx', /cannot be an app’s name/],
    ['routes/lookup?url=a&url=b', /url is missing/],
    ['apps?limit=1e9', /limit must be a whole number/],
    ['apps/..%2F..%2Fetc', /cannot be an app’s name/],
    ['apps/%zz', /cannot be read/],
  ]
  for (const [path, message] of queries) {
    test(path, async (t: TestContext) => {
      const { port, errors } = await startControl(t)

      const { status, body } = await ask(port, { host: 'localhost' }, { path: `/api/v1/${path}` })

      t.assert.equal(status, 400)
      t.assert.match(JSON.parse(body).error.message, message)
      t.assert.deepEqual(errors, [])
    })
  }

  test('bodies that are compressed, deep, long or traps', async (t: TestContext) => {
    const { url, errors, store } = await startControl(t)
    const route = '{"pattern":"a.test/*","app":"hello"}'
    const bodies: (string | Uint8Array<ArrayBuffer>)[] = [
      new Uint8Array(gzipSync(route)),
      `{"__proto__":${route}}`,
      `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
      `"${'a'.repeat(100_000)}"`,
      'null',
      '',
    ]

    for (const body of bodies) {
      const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
      const response = await fetch(`${url}/api/v1/routes`, { method: 'POST', headers, body })
      t.assert.equal(response.status, 400, String(body.slice(0, 20)))
    }
    t.assert.deepEqual(errors, [])
    t.assert.deepEqual(await store.routes(), [])
  })
})

suite('with a token', () => {
  test('only who has it is answered, by whatever name', async (t: TestContext) => {
    const { port } = await startControl(t, { config: { token: TOKEN } })
    const host = 'vitrine.test'

    t.assert.equal((await ask(port, { host, authorization: `Bearer ${TOKEN}` })).status, 200)
    t.assert.equal((await ask(port, { host, authorization: `bearer  ${TOKEN}` })).status, 200)
    const wrong = [
      '',
      TOKEN,
      `Basic ${TOKEN}`,
      'Bearer',
      'Bearer wrong',
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
    ]
    for (const authorization of wrong) {
      const { status, headers, body } = await ask(port, { host, authorization })
      t.assert.equal(status, 401, authorization)
      t.assert.equal(headers['www-authenticate'], 'Bearer')
      t.assert.match(body, /"UNAUTHORIZED".*VITRINE_TOKEN/)
      t.assert.ok(!body.includes(TOKEN))
    }
  })

  test('everything under /api asks for it, whether it exists or not, before a body is read', async (t: TestContext) => {
    const { port } = await startControl(t, { config: { token: TOKEN } })

    const paths = [
      '/api/v1/status',
      '/api/v1/nothing',
      '/api/',
      '/api/v1/apps/x/tail',
      '/nothing',
      '/favicon.ico',
    ]
    const disguised = [
      '/%61pi/v1/status',
      '/api%2fv1/status',
      '/./api/v1/status',
      '//api/v1/status',
      '/API/v1/status',
    ]
    for (const path of [
      ...paths,
      ...disguised,
      '/api/v1/status/',
      'http://localhost/api/v1/status',
      '/?/api/v1/status',
    ]) {
      const { status, body } = await ask(port, { host: 'localhost' }, { path })
      if (path.startsWith('/?')) t.assert.match(body, /<!doctype html>/i)
      else t.assert.equal(status, 401, path)
    }
    const upload = { method: 'PUT', path: '/api/v1/apps/x', body: 'x'.repeat(200_000) }
    t.assert.equal(
      (await ask(port, { host: 'localhost', 'content-type': 'multipart/form-data; boundary=x' }, upload))
        .status,
      401,
    )
  })
})

suite('beyond this machine the control API takes a token:', () => {
  const file = '/nonexistent'
  for (const control of [
    '0.0.0.0:3081',
    '3081',
    '[::]:3081',
    '192.168.1.5:3081',
    'example.com:3081',
    '127.0.0.1.evil.test:1',
  ]) {
    test(`${control} without one is refused before any port opens`, (t: TestContext) => {
      t.assert.throws(() => loadConfig({ flags: { control }, file }), {
        code: 'CONFIG_INVALID',
        message:
          /would be open to the network: set --token \(VITRINE_TOKEN\), or use --control 127\.0\.0\.1:/,
      })
      t.assert.equal(loadConfig({ flags: { control, token: 'x' }, file }).token, 'x')
    })
  }
  for (const control of ['127.0.0.1:3081', '127.1.2.3:0', 'localhost:3081', '[::1]:3081']) {
    test(`${control} needs none`, (t: TestContext) => {
      t.assert.equal(loadConfig({ flags: { control }, file }).token, '')
    })
  }
})
