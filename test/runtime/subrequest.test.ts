import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Subrequest } from '../../src/runtime/subrequest.ts'
import { fetchText, fetchUrl, hasConnections, header, localFetcher, text } from './fetching.ts'
import { startRawUpstream, startUpstream } from './upstream.ts'

/** Answers with what it was asked, as JSON. */
const startEcho = () =>
  startUpstream(async (request, response) => {
    const { method, url, rawHeaders } = request
    response.end(JSON.stringify({ method, url, headers: rawHeaders, body: await bodyOf(request) }))
  })

interface Echo {
  method: string
  url: string
  headers: string[]
  body: string
}

test('method, path, headers and a buffered body arrive as they were sent', async () => {
  await using upstream = await startEcho()
  await using fetcher = localFetcher()
  const body = Buffer.from('grüße')

  const response = await fetchUrl(fetcher, `${upstream.url}/a%20b?c=d#e`, {
    method: 'PUT',
    headers: ['content-type', 'text/plain', 'x-latin', 'caf\xe9', 'cookie', 'a=b'],
    body,
  })

  assert.equal(response.status, 200)
  assert.equal(response.statusText, 'OK')
  assert.equal(response.url, `${upstream.url}/a%20b?c=d`)
  assert.equal(response.redirected, false)
  const echo: Echo = JSON.parse(await text(response))
  assert.deepEqual(echo, {
    method: 'PUT',
    url: '/a%20b?c=d',
    headers: [
      ...['host', `127.0.0.1:${upstream.port}`, 'connection', 'keep-alive', 'content-type', 'text/plain'],
      ...[
        'x-latin',
        'caf\xe9',
        'cookie',
        'a=b',
        'accept-encoding',
        'gzip',
        'content-length',
        `${body.length}`,
      ],
    ],
    body: 'grüße',
  })
})

test('no user-agent is added, and an accept-encoding only where the app set none', async () => {
  await using upstream = await startEcho()
  await using fetcher = localFetcher()
  const sent = async (headers: string[]) => {
    const echo: Echo = JSON.parse(await fetchText(fetcher, upstream.url, { headers }))
    return echo.headers.slice(4)
  }

  assert.deepEqual(await sent([]), ['accept-encoding', 'gzip'])
  assert.deepEqual(await sent(['accept-encoding', 'br']), ['accept-encoding', 'br'])
  assert.deepEqual(await sent(['range', 'bytes=0-1']), ['range', 'bytes=0-1', 'accept-encoding', 'identity'])
  assert.deepEqual(await sent(['user-agent', 'mine']), ['user-agent', 'mine', 'accept-encoding', 'gzip'])
})

test('headers of the connection are dropped whatever the app says', async () => {
  await using upstream = await startEcho()
  await using fetcher = localFetcher()
  const dropped = [
    'host',
    'connection',
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'expect',
  ]
  const headers = [
    ...dropped,
    'proxy-authorization',
    'proxy-connection',
    'Proxy-X',
    'http2-settings',
    'content-length',
  ]

  const echo: Echo = JSON.parse(
    await fetchText(fetcher, upstream.url, {
      headers: [...headers.flatMap(name => [name, '7']), 'x-kept', '1'],
    }),
  )

  assert.deepEqual(echo.headers, [
    ...[
      'host',
      `127.0.0.1:${upstream.port}`,
      'connection',
      'keep-alive',
      'x-kept',
      '1',
      'accept-encoding',
      'gzip',
    ],
  ])
})

test('forged heads are rejected before a connection is made', async () => {
  await using upstream = await startEcho()
  await using fetcher = localFetcher()
  const forged = [
    { headers: ['x-a', '1\r\nx-injected: 1'] },
    { headers: ['x-a', '1\nx'] },
    { headers: ['x-a', '1\0'] },
    { headers: ['x-a', 'snow\u2603'] },
    { headers: ['x-a\r\nx-b', '1'] },
    { headers: ['x a', '1'] },
    { headers: ['', '1'] },
    { headers: ['x-a'] },
    { headers: ['x-a', ['1', '2\r\n']] },
    { headers: ['x-a', { toString: () => 'x' }] },
    { headers: 7 },
    { headers: null },
    { headers: ['x-a', 'v'.repeat(65_536)] },
    { url: `${upstream.url}/${'a'.repeat(65_536)}` },
    { url: undefined },
    { url: '' },
    { method: 'GET / HTTP/1.1\r\nx: y\r\n\r\n' },
    { method: '' },
    { method: 'CONNECT' },
    { method: 'connect' },
    { method: 'TRACE' },
    { method: 'GET', body: Buffer.from('x') },
    { method: 'HEAD', body: Buffer.from('x') },
    { method: 'POST', body: 'text' },
    { method: 'POST', body: 7 },
    { method: 'POST', body: chunks('x'), headers: ['content-length', '-1'] },
    { method: 'POST', body: chunks('x'), headers: ['content-length', '0x1'] },
  ]

  for (const request of forged as unknown as Partial<Subrequest>[]) {
    await assert.rejects(
      fetchText(fetcher, upstream.url, request),
      { name: 'SubrequestError' },
      inspect(request),
    )
  }
  assert.equal(upstream.accepted, 0)
})

test('a streamed body is sent in chunks, or under the length that the app gave if it is right', async () => {
  await using upstream = await startEcho()
  await using fetcher = localFetcher()
  const post = async (body: AsyncIterable<Buffer>, headers: string[] = []) => {
    const echo: Echo = JSON.parse(await fetchText(fetcher, upstream.url, { method: 'POST', body, headers }))
    return [echo.body, ...echo.headers.slice(-2)]
  }

  assert.deepEqual(await post(chunks('ab', 'cd')), ['abcd', 'transfer-encoding', 'chunked'])
  assert.deepEqual(await post(chunks('ab', 'cd'), ['content-length', '4']), ['abcd', 'content-length', '4'])
  assert.deepEqual(await post(chunks()), ['', 'content-length', '0'])
  for (const length of ['3', '5']) {
    await assert.rejects(post(chunks('ab', 'cd'), ['content-length', length]), {
      message: 'the body is not as long as its content-length header says',
    })
  }
})

test('a body that fails rejects with its message and closes the connection', async () => {
  await using upstream = await startUpstream(request => request.resume())
  await using fetcher = localFetcher()
  async function* failing() {
    yield Buffer.from('a')
    throw new Error('the app’s own reason')
  }

  await assert.rejects(fetchUrl(fetcher, upstream.url, { method: 'POST', body: failing() }), {
    message: 'the app’s own reason',
  })
  await upstream.quiet()
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('an upload waits for its server, a download for its reader', async () => {
  const total = 64 * 2 ** 20
  const piece = Buffer.alloc(65_536)
  const reads = Promise.withResolvers<void>()
  let taken = 0
  let given = 0
  async function* upload() {
    for (; taken < total; taken += piece.length) yield piece
  }
  await using upstream = await startUpstream(async (request, response) => {
    await reads.promise
    await bodyOf(request)
    for (; given < total; given += piece.length) if (!response.write(piece)) await once(response, 'drain')
    response.end()
  })
  await using fetcher = localFetcher()

  const answer = fetchUrl(fetcher, upstream.url, { method: 'POST', body: upload() })
  const takenUnread = await settled(() => taken)
  reads.resolve()
  const { body } = await answer
  const givenUnread = await settled(() => given)
  let received = 0
  for await (const chunk of body!.stream()) received += chunk.length

  assert.ok(takenUnread < total / 4, `${takenUnread} bytes were taken for a server that reads nothing`)
  assert.ok(givenUnread < total / 4, `${givenUnread} bytes were taken for an app that reads nothing`)
  assert.equal(received, total)
})

test('several values of a header are joined, those of set-cookie kept apart, hop-by-hop headers dropped', async () => {
  await using upstream = await startUpstream((_, response) => {
    response.writeHead(299, 'Quite Fine', [
      ...[
        'X-Many',
        '1',
        'Set-Cookie',
        'a=1',
        'x-many',
        '2',
        'Set-Cookie',
        'b=2',
        '__proto__',
        'p',
        'constructor',
        'c',
      ],
      ...['Keep-Alive', 'timeout=9', 'X-Latin', 'caf\xe9', 'Trailer', 'x', 'Transfer-Encoding', 'chunked'],
    ])
    response.end('body')
  })
  await using fetcher = localFetcher()

  const response = await fetchUrl(fetcher, upstream.url)

  assert.equal(response.status, 299)
  assert.equal(response.statusText, 'Quite Fine')
  const pairs = response.headers.map((_, at, all) => all.slice(at, at + 2)).filter((_, at) => at % 2 === 0)
  const own = pairs.filter(([name]) => name !== 'date' && name !== 'connection')
  assert.deepEqual(own.map(pair => pair.join(': ')).toSorted(), [
    ...[
      '__proto__: p',
      'constructor: c',
      'set-cookie: a=1',
      'set-cookie: b=2',
      'x-latin: caf\xe9',
      'x-many: 1, 2',
    ],
  ])
  assert.equal(header(response, 'transfer-encoding'), undefined)
  assert.equal(await text(response), 'body')
})

test('HEAD and statuses without content have a null body, and the next request works', async () => {
  await using upstream = await startUpstream((request, response) => {
    const status = Number(request.url!.slice(1))
    response.writeHead(
      status,
      request.method === 'HEAD' ? { 'content-length': 5, 'content-encoding': 'gzip' } : {},
    )
    response.end()
  })
  await using fetcher = localFetcher()

  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 205],
    ['GET', 304],
    ['POST', 204],
  ] as const) {
    const response = await fetchUrl(fetcher, `${upstream.url}/${status}`, { method })
    assert.equal(response.status, status)
    assert.equal(response.body, null)
    if (method === 'HEAD') assert.equal(header(response, 'content-length'), '5')
  }
  const empty = await fetchUrl(fetcher, `${upstream.url}/200`)
  assert.notEqual(empty.body, null)
  assert.equal(await text(empty), '')
})

test('informational responses are passed over', async () => {
  await using upstream = await startUpstream((_, response) => {
    response.writeProcessing()
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.end('final')
  })
  await using fetcher = localFetcher()

  assert.equal(await fetchText(fetcher, upstream.url), 'final')
})

test('malformed and overlong answers reject with one sentence', async () => {
  const answers: [string, RegExp][] = [
    ['SSH-2.0-OpenSSH\r\n', /no valid HTTP/],
    ['HTTP/1.1 200 OK\r\nx y: z\r\n\r\n', /no valid HTTP/],
    ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n', /content-length/],
    [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, /headers of the response are too long/],
    [`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(1000)}\r\n`, /headers of the response are too long/],
    [`HTTP/1.1 103 Early Hints\r\n${'x: y\r\n'.repeat(1000)}\r\n`, /headers of the response are too long/],
    [
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
      /closed the connection/,
    ],
    ['HTTP/1.1 100 Continue\r\n\r\n', /closed the connection/],
    ['', /closed the connection/],
  ]
  let answer = ''
  await using upstream = await startRawUpstream(socket => socket.once('data', () => socket.end(answer)))
  await using fetcher = localFetcher()

  for (const [bytes, message] of answers) {
    answer = bytes
    await assert.rejects(
      fetchUrl(fetcher, upstream.url),
      { name: 'SubrequestError', message },
      bytes.slice(0, 40),
    )
  }
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('hundreds of header fields arrive, and trailers of a thousand end the body', async () => {
  const fields = (count: number) => 'x: y\r\n'.repeat(count)
  await using upstream = await startRawUpstream(socket =>
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n${fields(900)}\r\n`)
      socket.end(`1\r\na\r\n0\r\n${fields(1000)}\r\n`)
    }),
  )
  await using fetcher = localFetcher()

  const response = await fetchUrl(fetcher, upstream.url)

  const values = response.headers[response.headers.indexOf('x') + 1]!
  assert.equal(values.split(',').length, 900)
  await assert.rejects(text(response), {
    name: 'SubrequestError',
    message: /headers of the response are too long/,
  })
})

test('a response that breaks off fails its body and nothing else, read or not', async () => {
  await using upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-length': 10 })
    response.write('half', () => response.destroy())
  })
  await using fetcher = localFetcher()

  const unread = await fetchUrl(fetcher, upstream.url)
  const read = await fetchUrl(fetcher, upstream.url)

  await assert.rejects(text(read), { name: 'SubrequestError', message: /closed the connection|ECONNRESET/ })
  await upstream.quiet()
  assert.equal(unread.status, 200)
})

/** What has come of the body, if the client breaks off. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  request.on('data', piece => pieces.push(piece)).on('error', () => {})
  await new Promise(resolve => request.once('close', resolve))
  return Buffer.concat(pieces).toString()
}

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const one of texts) yield Buffer.from(one)
}

function inspect(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80)
}

/** The value once it has stopped to change for many turns of the event loop. */
async function settled(value: () => number): Promise<number> {
  for (let last = -1, turns = 0; turns < 2000; turns++) {
    if (value() !== last) turns = 0
    last = value()
    await setImmediate()
  }
  return value()
}
