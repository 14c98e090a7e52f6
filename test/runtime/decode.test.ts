import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { fetchText, fetchUrl, hasConnections, header, localFetcher, text } from './fetching.ts'
import { startUpstream } from './upstream.ts'

const TEXT = 'Hello, world. '.repeat(1000)

test('every coding, and several in turn, are undone', async () => {
  const encoded: Record<string, Buffer> = {
    gzip: gzipSync(TEXT),
    'x-gzip': gzipSync(TEXT),
    GZip: gzipSync(TEXT),
    deflate: deflateSync(TEXT),
    br: brotliCompressSync(TEXT),
    zstd: zstdCompressSync(TEXT),
    'gzip, br': brotliCompressSync(gzipSync(TEXT)),
    'deflate,gzip , zstd': zstdCompressSync(gzipSync(deflateSync(TEXT))),
  }
  let encoding = ''
  await using upstream = await startUpstream((_, response) => {
    response.writeHead(200, {
      'content-encoding': encoding,
      'content-length': encoded[encoding]!.length,
      etag: '"1"',
    })
    response.end(encoded[encoding])
  })
  await using fetcher = localFetcher()

  for (encoding of Object.keys(encoded)) {
    const response = await fetchUrl(fetcher, upstream.url)
    assert.equal(header(response, 'content-encoding'), undefined, encoding)
    assert.equal(header(response, 'content-length'), undefined, encoding)
    assert.equal(header(response, 'etag'), '"1"')
    assert.equal(await text(response), TEXT, encoding)
  }
  assert.equal(upstream.accepted, 1)
})

test('deflate without zlib’s header is understood', async () => {
  let body = deflateRawSync(TEXT)
  await using upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-encoding': 'deflate' }).end(body)
  })
  await using fetcher = localFetcher()

  assert.equal(await fetchText(fetcher, upstream.url), TEXT)
  body = Buffer.alloc(0)
  assert.equal(await fetchText(fetcher, upstream.url), '')
})

test('a body in an unknown coding stays as it is', async () => {
  await using upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip, rot13', 'content-length': 3 }).end('abc')
  })
  await using fetcher = localFetcher()

  const response = await fetchUrl(fetcher, upstream.url)

  assert.equal(header(response, 'content-encoding'), 'gzip, rot13')
  assert.equal(header(response, 'content-length'), '3')
  assert.equal(await text(response), 'abc')
})

test('a malformed body fails, an empty or shortened one does not', async () => {
  const bodies: Record<string, Buffer> = {
    malformed: Buffer.from('not gzip at all'),
    empty: Buffer.alloc(0),
    shortened: gzipSync(TEXT).subarray(0, -4),
  }
  await using upstream = await startUpstream((request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bodies[request.url!.slice(1)])
  })
  await using fetcher = localFetcher()

  await assert.rejects(fetchText(fetcher, `${upstream.url}/malformed`), {
    name: 'SubrequestError',
    message: 'the gzip body is malformed: incorrect header check',
  })
  assert.equal(await fetchText(fetcher, `${upstream.url}/empty`), '')
  assert.equal(await fetchText(fetcher, `${upstream.url}/shortened`), TEXT)
  const unread = await fetchUrl(fetcher, `${upstream.url}/malformed`)
  await new Promise(resolve => unread.body!.stream().once('close', resolve))
})

test('more than five codings are refused', async () => {
  await using upstream = await startUpstream((request, response) => {
    const encoding = new Array(Number(request.url!.slice(1))).fill('gzip').join(',')
    response.writeHead(200, { 'content-encoding': encoding }).write('endless')
  })
  await using fetcher = localFetcher()

  for (const count of [6, 5000]) {
    await assert.rejects(fetchUrl(fetcher, `${upstream.url}/${count}`), {
      message: /too many content codings/,
    })
  }
  await upstream.quiet()
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('what has come is decoded at once', async () => {
  await using upstream = await startUpstream((_, response) => {
    // A flushed but unfinished stream: gzip's trailer of 8 bytes and the last block are still to come.
    response.writeHead(200, { 'content-encoding': 'gzip' }).write(gzipSync('first').subarray(0, -8))
  })
  await using fetcher = localFetcher()

  const body = (await fetchUrl(fetcher, upstream.url)).body!.stream()
  const [chunk] = await once(body, 'data')

  assert.equal(String(chunk), 'first')
  body.destroy()
  await upstream.quiet()
})

test('a bomb is decoded only as far as it is read', async () => {
  const bombs = { gzip: gzipSync(Buffer.alloc(2 ** 26)), zstd: zstdCompressSync(Buffer.alloc(2 ** 26)) }
  await using upstream = await startUpstream((request, response) => {
    const encoding = request.url!.slice(1) as keyof typeof bombs
    response.writeHead(200, { 'content-encoding': encoding }).end(bombs[encoding])
  })
  await using fetcher = localFetcher()

  for (const encoding of Object.keys(bombs)) {
    const body = (await fetchUrl(fetcher, `${upstream.url}/${encoding}`)).body!.stream()
    const [chunk] = await once(body, 'readable').then(() => [body.read(1)])
    assert.equal(chunk.length, 1)
    assert.ok(body.readableLength < 2 ** 18, `${body.readableLength} bytes of a ${encoding} bomb wait unread`)
    body.destroy()
  }
})

test('the windows of an app’s decoders have a budget, which ends with them', async () => {
  const body = brotliCompressSync(Buffer.alloc(2 ** 20))
  await using upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-encoding': 'br' }).end(body)
  })
  await using fetcher = localFetcher({ windowBytesPerAppMax: 2 ** 20 })

  const held = (await fetchUrl(fetcher, upstream.url)).body!.stream()
  await once(held, 'readable')

  await assert.rejects(fetchText(fetcher, upstream.url), { message: /br or zstd/ })
  assert.equal((await fetchText(fetcher, upstream.url, { app: 'another' })).length, 2 ** 20)
  held.destroy()
  await once(held, 'close')
  assert.equal((await fetchText(fetcher, upstream.url)).length, 2 ** 20)
})
