/** WebSockets: clients of apps, apps as clients, and pairs, over real connections. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { startTestPlatform, type TestPlatform, until } from '../support/platform.ts'

/** Echoes, greets, and closes when it is told to; `?…` chooses. */
const ECHO = `export default { async fetch(request) {
  if (request.headers.get('upgrade') !== 'websocket') return new Response('no socket')
  const [client, server] = Object.values(new WebSocketPair())
  const { search } = new URL(request.url)
  server.accept()
  server.addEventListener('message', ({ data }) => {
    if (data === 'close') server.close(4001, 'as asked')
    else if (data === 'loop') for (;;);
    else server.send(data)
  })
  server.addEventListener('close', ({ code, reason, wasClean }) => console.log('closed', code, reason, wasClean))
  if (search === '?greets') server.send('welcome')
  return new Response(null, { status: 101, webSocket: client, headers: { 'x-own': '1', 'sec-websocket-protocol': 'chat' } })
} }`

let platform: TestPlatform

before(async () => {
  platform = await startTestPlatform({
    egressAllow: '127.0.0.0/8',
    webSocketMessageBytesMax: '100000',
    webSocketIdleMs: '2500',
  })
  await deploy('echo', ECHO)
})

after(() => platform[Symbol.asyncDispose]())

/** At a path of the address itself: a client cannot say which host it means. */
async function deploy(app: string, source: string, metadata = {}): Promise<void> {
  const { status } = await platform.deploy(app, source, { routes: [`127.0.0.1/${app}/*`], ...metadata })
  assert.equal(status, 200)
}

function open(app: string, path = '/', protocols: string[] = ['chat']): WebSocket {
  const { port } = new URL(platform.running.appsUrl)
  const socket = new WebSocket(`ws://127.0.0.1:${port}/${app}${path}`, protocols)
  socket.binaryType = 'arraybuffer'
  return socket
}

async function heard(socket: WebSocket): Promise<unknown> {
  const ended = new AbortController()
  const end = ({ code }: CloseEvent) => ended.abort(new Error(`The socket was closed with ${code}.`))
  socket.addEventListener('close', end)
  try {
    const [event] = (await once(socket, 'message', { signal: ended.signal })) as [MessageEvent]
    return event.data
  } finally {
    socket.removeEventListener('close', end)
  }
}

async function closed(socket: WebSocket): Promise<[number, string]> {
  const [event] = (await once(socket, 'close')) as [CloseEvent]
  return [event.code, event.reason]
}

test('an app talks to its client: texts, bytes, long ones, in order, and a close with code and reason', async () => {
  const socket = open('echo', '/?greets')
  assert.equal(await heard(socket), 'welcome')
  assert.equal(socket.protocol, 'chat')

  const long = 'x'.repeat(90_000)
  const messages: unknown[] = []
  socket.addEventListener('message', ({ data }) =>
    messages.push(typeof data === 'string' ? data : [...new Uint8Array(data)]),
  )
  socket.send('ü ☃')
  socket.send(new Uint8Array([0, 255, 7]))
  socket.send(long)
  socket.send('')
  await until(() => messages.length === 4)
  assert.deepEqual(messages, ['ü ☃', [0, 255, 7], long, ''])

  socket.send('close')
  assert.deepEqual(await closed(socket), [4001, 'as asked'])
})

test('a client that closes is answered, the app is told, and one event tells of the request', async () => {
  const socket = open('echo', '/?bye')
  await once(socket, 'open')
  socket.close(3000, 'bye')

  assert.deepEqual(await closed(socket), [3000, 'bye'])
  await until(() => platform.log().some(line => String(line.message).includes('closed 3000 bye true')))
  const line = await until(() => platform.log().find(line => line.kind === 'request' && line.status === 101))
  assert.equal(line.outcome, 'ok')
})

test('a client that vanishes is told to the app as 1006', async () => {
  const { socket } = await rawSocket('echo')
  socket.destroy()

  await until(() => platform.log().some(line => String(line.message).includes('closed 1006  false')))
})

test('without an upgrade there is no socket, and a Response with one is an exception', async () => {
  await platform.deploy(
    'always',
    `export default { fetch: () => new Response(null, { status: 101, webSocket: new WebSocketPair()[0] }) }`,
  )

  assert.equal((await platform.fetch('echo')).text, 'no socket')
  assert.equal((await platform.fetch('always')).status, 500)
  const refused = await rawSocket('echo', { 'sec-websocket-version': '8' })
  assert.match(refused.head, /^HTTP\/1\.1 400 /)
})

test('an app may decline', async () => {
  await platform.deploy(
    'declines',
    `export default { fetch: () => new Response('not today', { status: 403 }) }`,
  )
  const { head, socket } = await rawSocket('declines')

  assert.match(head, /^HTTP\/1\.1 403 /)
  await until(() => socket.closed)
})

test('what breaks the protocol, is too long or is no UTF-8 closes the connection with the right code', async () => {
  const codes: Record<string, number> = {}
  const cases = {
    unmasked: Buffer.from([0x81, 1, 0x61]),
    reserved: masked(0xc1, 'a'),
    unknown: masked(0x83, 'a'),
    continuation: masked(0x80, 'a'),
    'long ping': masked(0x89, 'a'.repeat(126)),
    'bad utf-8': masked(0x81, Buffer.from([0xff])),
    'bad code': masked(0x88, Buffer.from([3, 237])),
    'too long': masked(0x82, Buffer.alloc(100_001)),
  }
  for (const [name, bytes] of Object.entries(cases)) {
    const { socket, next } = await rawSocket('echo')
    socket.write(bytes)
    const frame = await next(4)
    codes[name] = frame.readUInt16BE(2)
    socket.destroy()
  }

  assert.deepEqual(codes, {
    unmasked: 1002,
    reserved: 1002,
    unknown: 1002,
    continuation: 1002,
    'long ping': 1002,
    'bad utf-8': 1007,
    'bad code': 1002,
    'too long': 1009,
  })
})

test('fragments are put together, pings between them are answered, bytes may come one by one', async () => {
  const { socket, next } = await rawSocket('echo')
  const bytes = Buffer.concat([masked(0x01, 'Hel'), masked(0x89, 'ping'), masked(0x80, 'lo')])
  for (const byte of bytes) socket.write(Buffer.from([byte]))

  const answer = await next(13)
  assert.equal(answer.toString('latin1'), '\x8a\x04ping\x81\x05Hello')
  socket.destroy()
})

test('each message may use a request’s CPU time, and one that uses more ends the instance', async () => {
  await deploy(
    'busy',
    ECHO.replace(
      `server.send(data)`,
      `{ for (const end = Date.now() + 80; Date.now() < end; ); server.send(data) }`,
    ),
    { limits: { cpu_ms: 150 } } as never,
  )
  const socket = open('busy')
  await once(socket, 'open')
  for (let i = 0; i < 5; i++) {
    socket.send(String(i))
    assert.equal(await heard(socket), String(i))
  }

  socket.send('loop')
  assert.equal((await closed(socket))[0], 1006)
  assert(
    ((await platform.metric('vitrine_instance_terminations_total{app="busy",reason="exceededCpu"}')) ?? 0) >
      0,
  )
})

test('a client that sends tiny messages as fast as it can ends nobody, and each is answered', async () => {
  const count = 600_000
  const message = masked(0x81, 'a')
  // Before there are sockets: while this process makes it, they would be silent.
  const flood = Buffer.alloc(count * message.length, message)
  const { socket, received } = await rawSocket('echo')
  const calm = open('echo')
  await once(calm, 'open')
  socket.write(flood)

  while (received() < count * 3 && !socket.closed) {
    calm.send('still here')
    assert.equal(await heard(calm), 'still here')
  }
  assert.equal(received(), count * 3)
  calm.close()
  socket.destroy()
})

test('the sockets of an app that uses so much CPU time that it moves stay open where they are', async () => {
  const burn = 'for (const end = Date.now() + 150; Date.now() < end; );'
  const computes = ECHO.replace('else server.send(data)', `else { ${burn} server.send(data) }`)
  await deploy('computes', computes)
  const [socket, neighbour] = [open('computes'), open('echo')]
  await Promise.all([once(socket, 'open'), once(neighbour, 'open')])
  const usedSeconds = () => platform.metric('vitrine_app_cpu_seconds_total{app="computes"}')

  // More than it takes to be found busy, and to have a background runtime started.
  await until(async () => {
    for (const one of [neighbour, socket]) {
      one.send('still here')
      assert.equal(await heard(one), 'still here')
    }
    return (await platform.metric('vitrine_apps_in_background')) === 1 && ((await usedSeconds()) ?? 0) > 4
  }, 30_000)
  socket.send('and after')
  assert.equal(await heard(socket), 'and after')

  const [end] = await Promise.all([closed(socket), deploy('computes', `${computes} // 2`)])
  assert.equal(end[0], 1012)
  neighbour.close()
})

test('a message in very many fragments takes no more memory than its bytes', async () => {
  const { socket, next } = await rawSocket('echo')
  const pieces = Array.from({ length: 90_000 }, (_, index) => masked(index === 0 ? 0x01 : 0x00, 'a'))
  socket.write(Buffer.concat([...pieces, masked(0x80, '')]))

  const answer = await next(10)
  assert.deepEqual([...answer.subarray(0, 2)], [0x81, 127])
  assert.equal(Number(answer.readBigUInt64BE(2)), 90_000)
  socket.destroy()
})

test('a new version closes the sockets of the old one, and neither waits for the other', async () => {
  await deploy('moves', ECHO)
  const socket = open('moves')
  await once(socket, 'open')

  const [end] = await Promise.all([closed(socket), deploy('moves', `${ECHO} // 2`)])
  assert.equal(end[0], 1012)
  const again = open('moves')
  await once(again, 'open')
  again.close()
})

test('a socket that is silent in both directions is given up', async () => {
  const { socket } = await rawSocket('echo')
  const began = performance.now()
  await once(socket, 'close')
  assert(performance.now() - began > 1500)
})

test('an app connects to a server, by the standard’s class and by fetch, and passes a client on', async () => {
  const { port } = new URL(platform.running.appsUrl)
  await deploy(
    'dials',
    `export default { async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname.endsWith('/class')) {
        const socket = new WebSocket('ws://127.0.0.1:${port}/echo/?greets', ['chat'])
        const heard = []
        await new Promise((resolve, reject) => {
          socket.onopen = () => heard.push('open ' + socket.protocol + ' ' + socket.readyState)
          socket.onmessage = ({ data }) => {
            heard.push(data)
            if (data === 'welcome') socket.send('hello')
            else socket.close(1000, 'done')
          }
          socket.onerror = () => reject(new Error('error'))
          socket.onclose = ({ code, reason, wasClean }) => resolve(heard.push([code, reason, wasClean]))
        })
        return Response.json(heard)
      }
      if (pathname.endsWith('/refused')) {
        const socket = new WebSocket('ws://127.0.0.1:1/')
        return new Response(await new Promise(resolve => { socket.onclose = ({ code }) => resolve(String(code)) }))
      }
      const upstream = await fetch('http://127.0.0.1:${port}/echo/?greets', { headers: { upgrade: 'websocket' } })
      if (pathname.endsWith('/fetch')) {
        const { webSocket } = upstream
        webSocket.accept()
        const data = await new Promise(resolve => webSocket.addEventListener('message', event => resolve(event.data)))
        webSocket.close()
        return new Response(upstream.status + ' ' + data)
      }
      return new Response(null, { status: 101, webSocket: upstream.webSocket })
    } }`,
  )

  assert.deepEqual(JSON.parse((await platform.fetch('dials', '/class')).text), [
    'open chat 1',
    'welcome',
    'hello',
    [1000, 'done', true],
  ])
  assert.equal((await platform.fetch('dials', '/fetch')).text, '101 welcome')
  assert.equal((await platform.fetch('dials', '/refused')).text, '1006')
  const socket = open('dials', '/pass', [])
  assert.equal(await heard(socket), 'welcome')
  socket.send('through')
  assert.equal(await heard(socket), 'through')
  socket.close()
  await closed(socket)
})

test('both ends of a pair may stay in the app', async () => {
  await platform.deploy(
    'pair',
    `export default { async fetch() {
      const { 0: a, 1: b } = new WebSocketPair()
      const heard = []
      a.send ?? 0
      b.accept()
      b.addEventListener('message', ({ data }) => b.send(data + '!'))
      b.addEventListener('close', ({ code }) => heard.push('b ' + code))
      a.accept()
      await new Promise(resolve => {
        a.addEventListener('message', ({ data }) => { heard.push(data); a.close(1000, 'x') })
        a.addEventListener('close', ({ code, reason }) => resolve(heard.push('a ' + code + reason)))
        a.send('hi')
      })
      return Response.json(heard)
    } }`,
  )

  assert.deepEqual(JSON.parse((await platform.fetch('pair')).text), ['hi!', 'b 1000', 'a 1000x'])
})

test('a client that reads nothing costs a bounded amount and is given up', async () => {
  await platform.deploy(
    'floods',
    `export default { fetch() {
      const [client, server] = Object.values(new WebSocketPair())
      server.accept()
      const timer = setInterval(() => { server.send(new Uint8Array(1_000_000)) }, 1)
      server.addEventListener('close', () => clearInterval(timer))
      return new Response(null, { status: 101, webSocket: client })
    } }`,
  )
  const { socket } = await rawSocket('floods')
  socket.pause()

  await until(() => platform.log().find(line => line.kind === 'request' && line.app === 'floods'))
  socket.destroy()
})

/** A handshake by hand: the answer's head, and the bytes after it. */
async function rawSocket(app: string, headers: Record<string, string> = {}) {
  const socket: Socket = connect(Number(new URL(platform.running.appsUrl).port), '127.0.0.1')
  socket.on('error', () => {})
  const all = {
    host: `${app}.localhost`,
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`)
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  await until(() => received.includes('\r\n\r\n'))
  const end = received.indexOf('\r\n\r\n') + 4
  const head = received.toString('latin1', 0, end)
  const next = (size: number) =>
    until(() => (received.length >= end + size ? received.subarray(end, end + size) : null))
  return { socket, head, next, received: () => received.length - end }
}

function masked(first: number, payload: string | Uint8Array): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const mask = [1, 2, 3, 4]
  const { length } = bytes
  const size =
    length < 126
      ? [0x80 | length]
      : length < 65_536
        ? [0xfe, length >> 8, length & 255]
        : [0xff, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]
  return Buffer.from([first, ...size, ...mask, ...bytes.map((byte, index) => byte ^ mask[index & 3]!)])
}
