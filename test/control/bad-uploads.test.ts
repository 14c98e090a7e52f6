import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import type { BundleModule } from '../../src/bundle.ts'
import { HELLO, module, startControl, type TestUpload } from './control.ts'

const MIB = 2 ** 20

suite('an upload is refused, in one sentence with the remedy,', () => {
  const names = Array.from({ length: 2001 }, (_, i) => module(`${i}.txt`, '', 'text'))
  const metadata = (fields: object) => ({
    metadata: { main_module: 'index.js', ...fields } as TestUpload['metadata'],
  })
  const modules = (...more: BundleModule[]) => ({ modules: [...HELLO.modules, ...more] })
  const cases: [when: string, upload: Partial<TestUpload>, code: string, message: RegExp][] = [
    ['without an entry', { metadata: {} }, 'BUNDLE_INVALID', /either main_module .* or body_part/],
    ['with two entries', metadata({ body_part: 'index.js' }), 'BUNDLE_INVALID', /either main_module/],
    [
      'whose entry is missing',
      metadata({ main_module: 'x.js' }),
      'BUNDLE_INVALID',
      /no module "x\.js", which main_module names: upload it/,
    ],
    [
      'whose entry is no text',
      metadata({ main_module: 5 }),
      'BUNDLE_INVALID',
      /main_module must be the name/,
    ],
    [
      'whose entry is of the wrong type',
      { metadata: { body_part: 'index.js' } },
      'BUNDLE_INVALID',
      /must be of type application\/javascript to/,
    ],
    [
      'with a script beside the entry',
      modules(module('a.js', '', 'script')),
      'BUNDLE_INVALID',
      /"a\.js" is a script/,
    ],
    [
      'with an absolute module name',
      modules(module('/etc/passwd', '', 'text')),
      'BUNDLE_INVALID',
      /absolute path: use a relative path like lib\/a\.js/,
    ],
    ['with .. in a module name', modules(module('a/../../b.js')), 'BUNDLE_INVALID', /"\.\." as a segment/],
    ['with a backslash in a module name', modules(module('a\\b.js')), 'BUNDLE_INVALID', /backslash/],
    ['with a NUL in a module name', modules(module('a\0b.js')), 'BUNDLE_INVALID', /control character/],
    ['with a URL for a module name', modules(module('node:fs')), 'BUNDLE_INVALID', /begins like a URL/],
    [
      'with an empty segment in a module name',
      modules(module('a//b.js')),
      'BUNDLE_INVALID',
      /"" as a segment/,
    ],
    ['with an endless module name', modules(module('a'.repeat(600))), 'BUNDLE_INVALID', /longer than 512/],
    [
      'with two modules of one name',
      modules(module('./index.js')),
      'BUNDLE_INVALID',
      /two modules named "index\.js"/,
    ],
    [
      'with too many modules',
      { modules: [...HELLO.modules, ...names] },
      'BUNDLE_INVALID',
      /more than 2000 modules/,
    ],
    [
      'with a date that is none',
      metadata({ compatibility_date: '2026-02-30' }),
      'APP_CONFIG_INVALID',
      /"2026-02-30", which is no date: write it like 2026-01-31/,
    ],
    [
      'with flags that are no list',
      metadata({ compatibility_flags: 'x' }),
      'APP_CONFIG_INVALID',
      /compatibility_flags must be a list/,
    ],
    [
      'with vars that are no object',
      metadata({ vars: ['x'] }),
      'APP_CONFIG_INVALID',
      /vars must be a JSON object/,
    ],
    [
      'with a var that no app could have',
      metadata({ vars: JSON.parse('{"__proto__":1}') }),
      'APP_CONFIG_INVALID',
      /cannot be a variable/,
    ],
    [
      'with a limit above the maximum',
      metadata({ limits: { cpu_ms: 60000 } }),
      'APP_CONFIG_INVALID',
      /cpu_ms is 60000, above this platform’s maximum of 30000 ms: lower it, or raise --cpu-ms-max/,
    ],
    [
      'with a limit that is no number',
      metadata({ limits: { memory_mb: '64' } }),
      'APP_CONFIG_INVALID',
      /memory_mb is "64": it must be a whole number of MB, from 8 to 512/,
    ],
    [
      'with an endless message',
      metadata({ message: 'a'.repeat(1001) }),
      'APP_CONFIG_INVALID',
      /message must be a text/,
    ],
    [
      'with a malformed route',
      metadata({ routes: ['a.test:80/*'] }),
      'ROUTE_INVALID',
      /names a port.*write it like a\.test\/\*/,
    ],
    [
      'with a route given twice',
      metadata({ routes: ['a.test/*', 'http://A.test/*'] }),
      'ROUTE_INVALID',
      /a\.test\/\* is given twice/,
    ],
  ]
  for (const [when, upload, code, message] of cases) {
    test(when, async (t: TestContext) => {
      const control = await startControl(t)

      const { status, json } = await control.deploy('hello', upload)

      t.assert.equal(json.error?.code, code, JSON.stringify(json))
      t.assert.equal(status, 400)
      t.assert.match(json.error.message, message)
      t.assert.equal(await control.store.app('hello'), null)
      t.assert.deepEqual(control.told, [])
    })
  }

  test('for an app’s name that is no DNS label', async (t: TestContext) => {
    const control = await startControl(t)

    for (const name of ['Hello', 'a_b', '-a', 'a-', 'a'.repeat(64), 'a.b', 'h%C3%A9', '%00', '..%2Fx']) {
      const { status, json } = await control.deploy(name)
      t.assert.equal(json.error.code, 'APP_NAME_INVALID', name)
      t.assert.equal(status, 400)
    }
  })

  test('for another app’s route', async (t: TestContext) => {
    const control = await startControl(t)
    await control.deploy('owner', metadata({ routes: ['a.test/*'] }))

    const { status, json } = await control.deploy('late', metadata({ routes: ['a.test/*'] }))

    t.assert.equal(status, 409)
    t.assert.match(json.error.message, /a\.test\/\* belongs to app "owner": delete it there first/)
    t.assert.equal(await control.store.app('late'), null)
  })
})

suite('a body that is no upload is refused:', () => {
  const part = (head: string, content: string) =>
    `--x\r\nContent-Disposition: form-data; ${head}\r\n\r\n${content}\r\n`
  const file = 'name="index.js"; filename="index.js"\r\nContent-Type: application/javascript+module'
  const entry = part('name="metadata"', '{"main_module":"index.js"}')
  const cases: [title: string, body: string, code: string, message: RegExp][] = [
    ['nothing', '', 'REQUEST_INVALID', /no field "metadata"/],
    ['no metadata', `${part(file, '')}--x--`, 'REQUEST_INVALID', /no field "metadata"/],
    ['two of it', `${entry}${entry}--x--`, 'REQUEST_INVALID', /two metadata fields/],
    ['metadata that is not JSON', `${part('name="metadata"', '{')}--x--`, 'APP_CONFIG_INVALID', /not JSON/],
    [
      'metadata that is no object',
      `${part('name="metadata"', '[]')}${part(file, '')}--x--`,
      'APP_CONFIG_INVALID',
      /must be a JSON object/,
    ],
    [
      'metadata of 2 MiB',
      `${part('name="metadata"', ' '.repeat(2 * MIB))}--x--`,
      'APP_CONFIG_INVALID',
      /metadata is longer/,
    ],
    [
      'a module without filename',
      `${entry}${part('name="index.js"', '')}--x--`,
      'BUNDLE_INVALID',
      /"index\.js" has no filename/,
    ],
    [
      'a module of unknown type',
      `${entry}${part('name="a"; filename="a"\r\nContent-Type: text/x-python', '')}--x--`,
      'BUNDLE_INVALID',
      /type "text\/x-python": use one of application\/javascript\+module,/,
    ],
    [
      'a module without a name',
      `${entry}${part('filename="a"\r\nContent-Type: text/plain', '')}--x--`,
      'BUNDLE_INVALID',
      /"" is empty/,
    ],
    [
      'a field without a name',
      `${entry}--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--`,
      'BUNDLE_INVALID',
      /no filename/,
    ],
    [
      'a module whose name climbs, with an innocent filename',
      `${entry}${part('name="../../etc/passwd"; filename="a"\r\nContent-Type: text/plain', '')}--x--`,
      'BUNDLE_INVALID',
      /"\.\." as a segment/,
    ],
    [
      'headers without end',
      `--x\r\n${'a: b\r\n'.repeat(50_000)}`,
      'REQUEST_INVALID',
      /cannot be read|no field/,
    ],
    ['parts without end', '--x\r\n\r\n'.repeat(20_000), 'BUNDLE_INVALID', /more than 2000 modules/],
    ['a body that is cut off', `${entry}${part(file, 'abc')}`, 'REQUEST_INVALID', /cannot be read/],
    ['noise', 'noise', 'REQUEST_INVALID', /cannot be read|no field/],
    [
      'a part named like an object’s property',
      `${entry}${part('name="__proto__"; filename="x"', '')}--x--`,
      'REQUEST_INVALID',
      /cannot be read/,
    ],
  ]
  for (const [title, body, code, message] of cases) {
    test(title, async (t: TestContext) => {
      const { url } = await startControl(t)

      const headers = { 'content-type': 'multipart/form-data; boundary=x' }
      const response = await fetch(`${url}/api/v1/apps/hello`, { method: 'PUT', headers, body })

      const { error } = (await response.json()) as { error: { code: string; message: string } }
      t.assert.equal(error.code, code, error.message)
      t.assert.match(error.message, message)
      t.assert.equal(response.status, 400)
    })
  }

  test('a boundary that no parser looks for', async (t: TestContext) => {
    const { url } = await startControl(t)

    const response = await fetch(`${url}/api/v1/apps/hello`, {
      method: 'PUT',
      headers: { 'content-type': `multipart/form-data; boundary=${'x'.repeat(300)}` },
      body: 'a',
    })

    t.assert.equal(response.status, 400)
    t.assert.match(await response.text(), /boundary is too long/)
  })

  test('another content type, or none', async (t: TestContext) => {
    const { url, call } = await startControl(t)

    t.assert.match((await call('PUT', 'apps/hello', { a: 1 })).json.error.message, /multipart\/form-data/)
    for (const type of ['text/plain', 'multipart/form-data', 'application/octet-stream']) {
      const response = await fetch(`${url}/api/v1/apps/hello`, {
        method: 'PUT',
        headers: { 'content-type': type },
        body: 'a',
      })
      t.assert.equal(response.status, 400, type)
      t.assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'REQUEST_INVALID')
    }
  })
})

suite('a bundle that is too large', () => {
  const large = (bytes: number) => ({
    modules: [module('index.js'), { name: 'a.bin', type: 'data' as const, content: Buffer.alloc(bytes) }],
  })

  test('of 26 MiB gets one clear sentence, and the connection stays usable', async (t: TestContext) => {
    const control = await startControl(t)

    const { status, json } = await control.deploy('hello', large(26 * MIB))

    t.assert.equal(status, 413)
    t.assert.deepEqual(json, {
      error: {
        code: 'BUNDLE_TOO_LARGE',
        message:
          'The bundle is larger than 25 MiB: leave out what the app does not need, or raise --bundle-bytes-max',
      },
    })
    t.assert.equal((await control.deploy('hello')).status, 200)
  })

  test('is refused whatever number of modules it is spread over', async (t: TestContext) => {
    const control = await startControl(t, { config: { bundleBytesMax: 1000 } })
    const half = Buffer.alloc(600)
    const modules = ['a.bin', 'b.bin'].map(name => ({ name, type: 'data' as const, content: half }))

    const { json } = await control.deploy('hello', { modules: [module('index.js'), ...modules] })

    t.assert.equal(json.error.code, 'BUNDLE_TOO_LARGE')
    t.assert.match(json.error.message, /larger than 1000 bytes/)
  })

  test('of exactly the limit is accepted', async (t: TestContext) => {
    const control = await startControl(t, { config: { bundleBytesMax: 100_000 } })

    t.assert.equal((await control.deploy('hello', large(100_000))).status, 200)
  })

  test('is answered before it has all been sent, whether its length is announced or not', async (t: TestContext) => {
    const { port } = await startControl(t, { config: { bundleBytesMax: MIB } })
    for (const headers of [{ 'content-length': 10 ** 12 }, { 'transfer-encoding': 'chunked' }]) {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
      const request = httpRequest({
        port,
        method: 'PUT',
        path: '/api/v1/apps/hello',
        headers: { 'content-type': 'multipart/form-data; boundary=x', ...headers },
      })
      request.on('response', response => resolve(response.resume().statusCode)).on('error', reject)
      request.write(
        '--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\nContent-Type: text/plain\r\n\r\n',
      )
      const piece = Buffer.alloc(65_536)
      const send = () => {
        while (!request.destroyed && request.write(piece)) {}
      }
      request.on('drain', send)
      send()

      t.assert.equal(await promise, 413)
      request
        .off('error', reject)
        .on('error', () => {})
        .destroy()
    }
  })
})

test('a client that goes away in the middle of an upload leaves nothing behind', async (t: TestContext) => {
  const control = await startControl(t, { config: { deploysAtOnce: 1 } })
  const socket = connect(control.port, '127.0.0.1')
  socket.write(
    'PUT /api/v1/apps/hello HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n' +
      'Content-Length: 1000\r\n\r\n--x\r\nContent-Disposition: form-data; name="a.txt"; filename="a.txt"\r\n' +
      'Content-Type: text/plain\r\n\r\nabc',
    () => socket.destroy(),
  )
  await new Promise(resolve => socket.once('close', resolve))

  const { status } = await control.deploy('hello')

  t.assert.equal(status, 200)
  t.assert.deepEqual(
    (await control.store.versions('hello')).map(version => version.number),
    [1],
  )
})
