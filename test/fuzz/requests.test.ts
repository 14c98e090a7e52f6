/** What clients and apps say in HTTP, read by the real proxy and the real control API. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { decodeBundle } from '../../src/bundle.ts'
import { readTarget, requestHead } from '../../src/proxy/request-head.ts'
import { responseHead } from '../../src/proxy/response-head.ts'
import { module, startControl } from '../control/control.ts'
import { HOSTILE_REQUESTS } from '../proxy/hostile-requests.ts'
import { hello, sendRaw, setUp } from '../proxy/setup.ts'
import { holds, textOf } from './property.ts'
import { UPLOADS } from './regressions.ts'

const NAMES = [
  'host',
  'connection',
  'x-forwarded-for',
  'x-real-ip',
  'cookie',
  'x',
  'content-length',
  'te',
  'upgrade',
  'set-cookie',
  'X-Request-Id',
]
const VALUES = ['a', 'close', 'x', 'cookie', ',', ' ', '5', ', ,', 'host', 'x-real-ip', '\xff', '\t']
const fields = fc.array(fc.tuple(fc.constantFrom(...NAMES), textOf(VALUES, 4).map(oneLine)), { maxLength: 8 })

suite('a request’s head', () => {
  test('names a place that is a URL, or is refused in one sentence', async () => {
    const pieces = [
      'a',
      '.',
      ':',
      '80',
      '/',
      '//',
      '@',
      '[',
      '::1',
      ']',
      '%',
      '?',
      '#',
      'http://',
      '\\',
      '0x7f',
      '1.2',
      '.999',
      'xn--',
      '-',
      '_',
      '*',
    ]
    await holds(fc.tuple(textOf(pieces, 8), textOf(pieces, 6)), { runs: 5000 }, ([target, host]) => {
      const read = readTarget(target, host)
      if (typeof read === 'string') return assert.match(read, /^[A-Z].*\.$/)
      const url = new URL(`http://${read.hostHeader}${read.url}`)
      assert.equal(`${url.username}${url.password}${url.hash}`, '')
      assert.equal(url.host, new URL(`http://${read.hostHeader}`).host)
    })
  })

  test('says nothing of the client’s that only the proxy may say, and each of its lines is one', async () => {
    const input = fc.tuple(fields, fc.option(textOf(VALUES, 6).map(oneLine), { nil: undefined }))
    await holds(input, { runs: 2000 }, ([list, connection]) => {
      const facts = {
        hostHeader: 'h',
        url: '/',
        method: 'GET',
        requestId: 'r',
        connection,
        clientIp: '1.1.1.1',
        isUpgrade: false,
      }
      const head = requestHead({ ...facts, rawHeaders: list.flat() })
      if (head === null) return assert.ok(list.filter(([name]) => name === 'host').length > 1)
      const lines = head.split('\n')
      assert.deepEqual(lines.slice(0, 2), ['GET', 'http://h/'])
      assert.equal(lines.length % 2, 1)
      for (const [name, value] of Object.entries({
        host: 'h',
        'x-real-ip': '1.1.1.1',
        'x-forwarded-for': '1.1.1.1',
        'x-request-id': 'r',
      })) {
        const said = lines.filter((_, at) => at % 2 === 1 && at > 1 && lines[at - 1] === name)
        assert.deepEqual(said, [value], name)
      }
    })
  })
})

test('a response’s head loses what belongs to the connection or is the platform’s to say', async () => {
  const input = fc.tuple(
    fc.oneof(fc.integer(), fc.constantFrom(101, 200, 204, 599, 600)),
    fields,
    fc.nat(100),
  )
  await holds(input, { runs: 2000 }, ([status, list, bytesMax]) => {
    const read = responseHead(status, list.flat(), { bytesMax })
    if (typeof read === 'string') return assert.match(read, /^The app.*\.$/)
    assert.ok(status >= 200 && status <= 599 && read.headers.join('').length <= bytesMax)
    for (let i = 0; i < read.headers.length; i += 2) {
      assert.ok(!['connection', 'te', 'upgrade', 'x-request-id', 'content-length'].includes(read.headers[i]!))
    }
  })
})

test('whatever bytes come, the app sees no more requests than they name, and every answer is one', async t => {
  const { port, scheduler, proxy } = await setUp(t, hello, {
    headersMs: '150',
    clientIdleMs: '150',
    keepAliveMs: '50',
  })
  const known = fc.constantFrom(
    ...HOSTILE_REQUESTS.map(({ bytes }) => bytes).filter(bytes => bytes.length < 500),
  )
  const cut = fc.tuple(
    fc.nat(499),
    fc.constantFrom('', '\r', '\n', '\r\n', ' ', '\0', '0', ':', '\xff', 'GET / HTTP/1.1\r\n'),
    fc.nat(3),
  )
  const spoilt = fc
    .tuple(known, fc.array(cut, { maxLength: 3 }))
    .map(([bytes, cuts]) =>
      cuts.reduce((text, [at, put, gone]) => text.slice(0, at) + put + text.slice(at + gone), bytes),
    )

  await holds(fc.array(spoilt, { minLength: 1, maxLength: 3 }), { runs: 150 }, async list => {
    const bytes = `${list.join('')}\r\n\r\n`
    const before = scheduler.exchanges.length

    const answer = await sendRaw(port, bytes)

    const begun = scheduler.exchanges.length - before
    assert.ok(
      begun <= bytes.split(/HTTP\/1\.[01]/).length - 1,
      `${begun} requests of ${JSON.stringify(bytes)}`,
    )
    assert.match(answer, /^(?:HTTP\/1\.1 \d{3} |$)/)
  })

  while (proxy.stats().connections > 0) await new Promise(setImmediate)
  assert.equal(proxy.stats().inFlight, 0)
})

suite('an upload', () => {
  test('that is any bytes at all is answered, and never as our fault', async t => {
    const { url, errors } = await startControl(t)
    const pieces = [
      '--x',
      '--x--',
      '\r\n',
      '\r\n\r\n',
      'Content-Disposition: form-data',
      '; name="metadata"',
      '; name="a.js"',
      '; filename="a.js"',
      "; filename*=UTF-8''%ff",
      'Content-Type: application/javascript+module',
      'Content-Type: application/json',
      'Content-Transfer-Encoding: base64',
      '{"main_module":"a.js"}',
      '"',
      '\0',
      '; name="../a"',
    ]
    await holds(textOf(pieces, 24), { runs: 200, examples: UPLOADS }, async body => {
      const headers = { 'content-type': 'multipart/form-data; boundary=x' }
      const response = await fetch(`${url}/api/v1/apps/hello`, { method: 'PUT', headers, body })
      const { error } = (await response.json()) as { error?: { message: string } }
      assert.ok(response.status < 500, `${response.status} ${error?.message}`)
    })
    assert.deepEqual(errors, [])
  })

  test('with metadata of any JSON is answered, and never as our fault', async t => {
    const { deploy, errors } = await startControl(t)
    const metadata = fc.record(
      {
        main_module: fc.constant('index.js'),
        vars: fc.anything(),
        limits: fc.anything(),
        routes: fc.anything(),
        compatibility_date: fc.anything(),
        compatibility_flags: fc.anything(),
        message: fc.anything(),
      },
      { requiredKeys: ['main_module'] },
    )
    await holds(
      metadata.map(value =>
        JSON.parse(JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? null : item))),
      ),
      { runs: 200 },
      async value => {
        const { status, json } = await deploy('hello', { metadata: value })
        assert.ok(status < 500, JSON.stringify(json))
      },
    )
    assert.deepEqual(errors, [])
  })

  test('is stored as it was sent', async t => {
    const { deploy, store } = await startControl(t)
    const contents = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 })
    await holds(contents, { runs: 50 }, async list => {
      const modules = list.map((content, i) => ({
        name: `data/${i}.bin`,
        type: 'data' as const,
        content: Buffer.from(content),
      }))
      const { status, json } = await deploy('hello', { modules: [module('index.js'), ...modules] })
      assert.equal(status, 200, JSON.stringify(json))
      const { version } = (await store.app('hello'))!
      const bundle = await store.bundle(version.bundleHash)
      assert.deepEqual(
        decodeBundle(Buffer.from(bundle!))
          .slice(1)
          .map(({ content }) => Buffer.from(content)),
        modules.map(({ content }) => content),
      )
    })
  })
})

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]/g, ' ')
}
