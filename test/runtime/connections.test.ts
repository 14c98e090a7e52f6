import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { Payer } from '../../src/runtime/connections.ts'
import { Resolver } from '../../src/runtime/resolver.ts'
import { startDnsServer } from './dns-server.ts'
import { fetchText, fetchUrl, hasConnections, localFetcher, startTls, text } from './fetching.ts'
import { startRawUpstream, startUpstream } from './upstream.ts'

test('connections are used again, one request at a time', async () => {
  await using upstream = await startUpstream((_, response) => response.end('x'))
  await using fetcher = localFetcher()

  for (let i = 0; i < 20; i++) await fetchText(fetcher, upstream.url)
  assert.equal(upstream.accepted, 1)
  await Promise.all(Array.from({ length: 5 }, () => fetchText(fetcher, upstream.url)))
  assert.equal(upstream.accepted, 5)
  await hasConnections(fetcher, { open: 5, idle: 5 })
})

test('apps share no connection', async () => {
  await using upstream = await startUpstream((_, response) => response.end('x'))
  await using fetcher = localFetcher()

  await fetchText(fetcher, upstream.url, { app: 'one' })
  await fetchText(fetcher, upstream.url, { app: 'two' })
  await fetchText(fetcher, upstream.url, { app: 'one' })

  assert.equal(upstream.accepted, 2)
})

test('a connection that the server has closed is not used again', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/close') response.setHeader('connection', 'close')
    response.end('x')
  })
  await using fetcher = localFetcher()

  for (let i = 0; i < 10; i++) assert.equal(await fetchText(fetcher, `${upstream.url}/close`), 'x')
  await upstream.quiet()
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('bytes that nobody asked for cost their sender the connection', async () => {
  await using upstream = await startRawUpstream(socket => {
    socket.on('data', () => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged',
      )
    })
  })
  await using fetcher = localFetcher()

  for (let i = 0; i < 5; i++) assert.equal(await fetchText(fetcher, upstream.url), 'x')
  assert.equal(upstream.accepted, 5)
})

test('idle connections are given up', async () => {
  await using upstream = await startRawUpstream(socket => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx'))
  })
  await using fetcher = localFetcher({ keepAliveMs: 20 })

  await fetchText(fetcher, upstream.url)
  await upstream.quiet()

  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('requests beyond an origin’s connections wait in line', async () => {
  await using upstream = await startUpstream((request, response) => response.end(request.url))
  await using fetcher = localFetcher({ connectionsPerOriginMax: 2 })

  const paths = Array.from({ length: 20 }, (_, i) => `/${i}`)
  const answers = await Promise.all(paths.map(path => fetchText(fetcher, upstream.url + path)))

  assert.deepEqual(answers, paths)
  assert.equal(upstream.accepted, 2)
})

test('those in line get on though connections before them fail', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/fail') response.destroy()
    else response.end('x')
  })
  await using fetcher = localFetcher({ connectionsPerOriginMax: 1 })

  const paths = ['/fail', '/', '/fail', '/fail', '/']
  const results = await Promise.allSettled(paths.map(path => fetchText(fetcher, upstream.url + path)))

  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
})

test('one who is aborted leaves the line', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url !== '/hold') response.end('x')
  })
  await using fetcher = localFetcher({ connectionsPerOriginMax: 1, underWayPerAppMax: 3 })
  const holder = new AbortController()
  const waiter = new AbortController()

  const held = fetchUrl(fetcher, `${upstream.url}/hold`, { signal: holder.signal })
  const aborted = fetchUrl(fetcher, upstream.url, { signal: waiter.signal })
  const patient = fetchText(fetcher, upstream.url)
  waiter.abort()
  await assert.rejects(aborted, { message: 'the subrequest was aborted' })
  const another = fetchText(fetcher, upstream.url)
  holder.abort()

  await assert.rejects(held)
  assert.deepEqual(await Promise.all([patient, another]), ['x', 'x'])
})

test('an app has so many subrequests under way and no more, and its neighbour is not concerned', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url !== '/hold') response.end('x')
  })
  await using fetcher = localFetcher({ underWayPerAppMax: 3 })
  const controller = new AbortController()
  const { signal } = controller

  const held = Array.from({ length: 3 }, () => fetchUrl(fetcher, `${upstream.url}/hold`, { signal }))
  await assert.rejects(fetchText(fetcher, upstream.url), {
    message: 'more than 3 subrequests of the app are under way',
  })
  assert.equal(await fetchText(fetcher, upstream.url, { app: 'neighbour' }), 'x')
  controller.abort()
  await Promise.allSettled(held)

  assert.equal(await fetchText(fetcher, upstream.url), 'x')
})

test('the connection that has been idle for longest makes room for a new one', async () => {
  const upstreams = await Promise.all([1, 2, 3].map(() => startUpstream((_, response) => response.end('x'))))
  await using first = upstreams[0]!
  await using second = upstreams[1]!
  await using third = upstreams[2]!
  await using fetcher = localFetcher({ connectionsMax: 2 })

  await fetchText(fetcher, first.url)
  await fetchText(fetcher, second.url)
  await fetchText(fetcher, third.url)
  await first.quiet()
  assert.deepEqual([first.open, second.open, third.open], [0, 1, 1])

  const held = await Promise.all([fetchUrl(fetcher, second.url), fetchUrl(fetcher, third.url)])
  for (const response of held) await text(response)
})

test('without an idle connection to give up, one too many is refused', async () => {
  await using upstream = await startUpstream((_, response) => response.write('endless'))
  await using other = await startUpstream((_, response) => response.end('x'))
  await using fetcher = localFetcher({ connectionsMax: 1 })

  const held = await fetchUrl(fetcher, upstream.url)
  await assert.rejects(fetchText(fetcher, other.url), { message: /too many connections/ })
  held.body!.destroy()

  assert.equal(await fetchText(fetcher, other.url), 'x')
})

test('an abort ends the connection, in every phase, and leaves nothing behind', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/body') response.write('endless')
  })
  // Accepts, but speaks no TLS.
  await using mute = await startRawUpstream(socket => socket.resume())
  await using dns = await startDnsServer(() => null)
  const resolver = new Resolver({ servers: [dns.address], hostsFile: '/nonexistent' })
  await using relay = await startTls()
  await using fetcher = localFetcher({ resolver, tls: relay.tls })
  const phases: Record<string, [url: string, reached: () => number]> = {
    resolving: ['http://silent.example/', () => dns.questions.length],
    handshake: [mute.url.replace('http:', 'https:'), () => mute.accepted],
    head: [`${upstream.url}/head`, () => upstream.accepted],
  }

  for (const [phase, [url, reached]] of Object.entries(phases)) {
    const before = reached()
    const controller = new AbortController()
    const answer = fetchUrl(fetcher, url, { signal: controller.signal })
    while (reached() === before) await new Promise(setImmediate)
    controller.abort(new Error('secret'))
    await assert.rejects(answer, { name: 'SubrequestError', message: 'the subrequest was aborted' }, phase)
    await hasConnections(fetcher, { open: 0, idle: 0 })
  }
  const controller = new AbortController()
  const { body } = await fetchUrl(fetcher, `${upstream.url}/body`, { signal: controller.signal })
  controller.abort()
  await assert.rejects(once(body!.stream(), 'end'), { message: 'the subrequest was aborted' })
  await assert.rejects(fetchUrl(fetcher, upstream.url, { signal: AbortSignal.abort() }), {
    message: /aborted/,
  })
  await Promise.all([upstream.quiet(), mute.quiet()])
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('an abort lets go of a body that is being sent', async () => {
  await using upstream = await startUpstream(() => {})
  await using fetcher = localFetcher()
  const controller = new AbortController()
  const returned = Promise.withResolvers<void>()
  const stuck: AsyncIterableIterator<Buffer> = {
    [Symbol.asyncIterator]: () => stuck,
    next: () => new Promise(() => controller.abort()),
    async return() {
      returned.resolve()
      return { done: true, value: undefined }
    },
  }

  await assert.rejects(
    fetchUrl(fetcher, upstream.url, { method: 'POST', body: stuck, signal: controller.signal }),
  )
  await returned.promise
})

test('an answer before the end of the upload ends the upload', async () => {
  await using upstream = await startUpstream((_, response) => response.writeHead(413).end('too large'))
  await using fetcher = localFetcher()
  const returned = Promise.withResolvers<void>()
  async function* endless() {
    try {
      for (;;) yield Buffer.alloc(65_536)
    } finally {
      returned.resolve()
    }
  }

  const response = await fetchUrl(fetcher, upstream.url, { method: 'POST', body: endless() })

  assert.equal(response.status, 413)
  assert.equal(await text(response), 'too large')
  await returned.promise
  await upstream.quiet()
})

test('hundreds of aborted requests leave no socket, listener or timer', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/body') response.write('endless')
    if (request.url === '/quick') response.end('x')
  })
  await using fetcher = localFetcher()
  const shared = new AbortController()
  const timersBefore = activeTimers()
  let listeners = 0
  const { addEventListener, removeEventListener } = shared.signal
  shared.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++
    addEventListener.apply(shared.signal, args)
  }
  shared.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--
    removeEventListener.apply(shared.signal, args)
  }

  for (let i = 0; i < 100; i++) await fetchText(fetcher, `${upstream.url}/quick`, { signal: shared.signal })
  assert.equal(listeners, 0)
  const requests = Array.from({ length: 300 }, async (_, i) => {
    const controller = new AbortController()
    const answer = fetchUrl(fetcher, upstream.url + (i % 2 ? '/body' : '/head'), {
      signal: controller.signal,
    })
    setImmediate(() => controller.abort())
    if (i % 3 === 0) controller.abort()
    await assert.rejects(answer.then(text))
  })
  await Promise.all(requests)
  await fetchText(fetcher, `${upstream.url}/quick`, { signal: shared.signal })

  await hasConnections(fetcher, { open: 1, idle: 1 })
  await fetcher[Symbol.asyncDispose]()
  await upstream.quiet()
  assert.equal(listeners, 0)
  assert.equal(activeTimers(), timersBefore)
})

test('a server that keeps silent is given up: before the head, within the body, while connecting', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/body') response.write('some')
  })
  await using mute = await startRawUpstream(socket => socket.resume())
  await using relay = await startTls()
  await using fetcher = localFetcher({ timeoutMs: 50, connectMs: 50, tls: relay.tls })

  await assert.rejects(fetchUrl(fetcher, `${upstream.url}/head`), {
    message: 'the server took too long to answer',
  })
  await assert.rejects(fetchText(fetcher, `${upstream.url}/body`), {
    message: 'the server stopped sending the body',
  })
  await assert.rejects(fetchUrl(fetcher, mute.url.replace('http:', 'https:')), {
    message: 'no connection within 50 ms',
  })
  await Promise.all([upstream.quiet(), mute.quiet()])
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('disposing ends everything that is under way', async () => {
  await using upstream = await startUpstream((request, response) => {
    if (request.url === '/body') response.write('endless')
  })
  const fetcher = localFetcher({ connectionsPerOriginMax: 2 })
  const { body } = await fetchUrl(fetcher, `${upstream.url}/body`)
  const reading = once(body!.stream(), 'end')
  const waiting = [fetchUrl(fetcher, `${upstream.url}/head`), fetchUrl(fetcher, `${upstream.url}/line`)]
  const stopping = { message: 'the platform is stopping' }
  const rejected = [reading, ...waiting].map(promise => assert.rejects(promise, stopping))

  await fetcher[Symbol.asyncDispose]()

  await Promise.all(rejected)
  await assert.rejects(fetchUrl(fetcher, upstream.url), stopping)
  await upstream.quiet()
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
}

function keepingAccount() {
  const bill = { chargedNs: 0, servedNs: 0 }
  const payer: Payer = {
    charge(ns) {
      bill.chargedNs += ns
    },
    served(ns) {
      bill.servedNs += ns
    },
  }
  return { payer, bill }
}

test('a new connection is work of the app that needs it, and no request pays for it', async () => {
  await using upstream = await startUpstream((_, response) => response.end('x'))
  await using fetcher = localFetcher()
  const { payer, bill } = keepingAccount()

  await fetchText(fetcher, upstream.url, { payer })
  await fetchText(fetcher, upstream.url, { payer })
  await fetchText(fetcher, upstream.url, { app: 'another', payer })

  assert.deepEqual(bill, { chargedNs: 0, servedNs: 2 * 400_000 })
})

test('of informational responses sixteen may come before the answer, with a thousand fields', async () => {
  let informational = 16
  let fields = ''
  await using upstream = await startRawUpstream(socket => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 103 Early Hints\r\n${fields}\r\n`.repeat(informational))
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx')
    })
  })
  await using fetcher = localFetcher()

  assert.equal(await fetchText(fetcher, upstream.url), 'x')
  informational = 17

  await assert.rejects(fetchUrl(fetcher, upstream.url, { app: 'another' }), {
    message: 'the server sent more than 16 informational responses',
  })
  informational = 2
  fields = 'a: b\r\n'.repeat(500)
  assert.equal(await fetchText(fetcher, upstream.url, { app: 'a third' }), 'x')
  fields = 'a: b\r\n'.repeat(501)
  await assert.rejects(fetchUrl(fetcher, upstream.url, { app: 'a fourth' }), {
    message: 'the server sent more than 1000 fields in informational responses',
  })
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('a request pays for what its server takes long to be read, and a neighbour’s answer comes between', async () => {
  const tiny = Buffer.from('1\r\nx\r\n'.repeat(50_000))
  await using hostile = await startRawUpstream(socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      socket.end(Buffer.concat([tiny, Buffer.from('0\r\n\r\n')]))
    })
  })
  await using upstream = await startUpstream((_, response) => response.end('x'))
  await using fetcher = localFetcher()
  const { payer, bill } = keepingAccount()

  const long = fetchText(fetcher, hostile.url, { payer })
  const order: string[] = []
  const short = fetchText(fetcher, upstream.url, { app: 'neighbour' })
  await Promise.all([long.then(() => order.push('long')), short.then(() => order.push('short'))])

  assert.equal((await long).length, 50_000)
  assert.deepEqual(order, ['short', 'long'])
  assert.ok(bill.chargedNs > 0)
  assert.ok(bill.servedNs > 400_000)
})
