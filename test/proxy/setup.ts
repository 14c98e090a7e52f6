/** The proxy on a real port, before a scheduler whose one app is a function; and clients that ask it. */
import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { type RequestEvent, requestChannel } from '../../src/channels.ts'
import { loadConfig } from '../../src/config.ts'
import { createProxy, type ProxyServer } from '../../src/proxy/server.ts'
import type { RuntimeClient } from '../../src/runtime/client.ts'
import type { DispatchedExchange, Dispatcher } from '../../src/scheduler/dispatch.ts'

/** A scheduler whose one app is a function; exchanges are linked to a runtime that records what it is sent. */
export class TestScheduler implements Dispatcher {
  readonly #app: (exchange: DispatchedExchange, runtime: TestRuntime) => void
  readonly exchanges: DispatchedExchange[] = []
  readonly cancelled: DispatchedExchange[] = []
  readonly runtimes: TestRuntime[] = []

  constructor(app: (exchange: DispatchedExchange, runtime: TestRuntime) => void) {
    this.#app = app
  }

  dispatch(exchange: DispatchedExchange): void {
    this.exchanges.push(exchange)
    const runtime = new TestRuntime()
    this.runtimes.push(runtime)
    runtime.link(exchange)
    this.#app(exchange, runtime)
  }

  cancel(exchange: DispatchedExchange): void {
    this.cancelled.push(exchange)
    exchange.link = null
  }
}

export class TestRuntime {
  readonly sent: Buffer[] = []
  granted = 0
  ended = false
  onBody: (() => void) | null = null
  onGrant: (() => void) | null = null

  link(exchange: DispatchedExchange): void {
    const client = this as unknown as RuntimeClient
    exchange.link = { client, instance: 1, stream: 1, entered: false }
    exchange.onSent(262_144)
  }

  sendBody(_exchange: DispatchedExchange, chunk: Buffer): void {
    this.sent.push(Buffer.from(chunk))
    this.onBody?.()
  }

  endBody(): void {
    this.ended = true
    this.onBody?.()
  }

  grant(_exchange: DispatchedExchange, bytes: number): void {
    this.granted += bytes
    this.onGrant?.()
  }

  get body(): Buffer {
    return Buffer.concat(this.sent)
  }
}

export interface Setup {
  proxy: ProxyServer
  scheduler: TestScheduler
  port: number
  events: RequestEvent[]
  nextEvent(): Promise<RequestEvent>
}

export async function setUp(
  t: TestContext,
  app: (exchange: DispatchedExchange, runtime: TestRuntime) => void,
  settings: Record<string, string> = {},
): Promise<Setup> {
  const config = loadConfig({ flags: { listen: '127.0.0.1:0', ...settings }, file: '/nonexistent.json' })
  const scheduler = new TestScheduler(app)
  const proxy = createProxy({ config, scheduler })
  const { port } = await proxy.listen()
  const events: RequestEvent[] = []
  const waiting: ((event: RequestEvent) => void)[] = []
  let taken = 0
  const listener = (event: RequestEvent) => {
    events.push(event)
    const resolve = waiting.shift()
    if (resolve) {
      taken++
      resolve(event)
    }
  }
  requestChannel.subscribe(listener)
  t.after(async () => {
    requestChannel.unsubscribe(listener)
    await proxy.stop(0)
  })
  const nextEvent = () =>
    new Promise<RequestEvent>(resolve => {
      const event = events[taken]
      if (event) {
        taken++
        resolve(event)
      } else waiting.push(resolve)
    })
  return { proxy, scheduler, port, events, nextEvent }
}

export interface Reply {
  status: number
  headers: http.IncomingHttpHeaders
  rawHeaders: string[]
  body: string
}

export async function ask(
  port: number,
  options: http.RequestOptions = {},
  body?: string | Buffer,
): Promise<Reply> {
  const request = http.request({ host: '127.0.0.1', port, agent: false, ...options })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const { statusCode = 0, headers, rawHeaders } = response
  return { status: statusCode, headers, rawHeaders, body: Buffer.concat(chunks).toString() }
}

/** Sends bytes as they are and resolves to everything that comes back until the connection closes. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('latin1')
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  await new Promise(resolve => socket.once('close', resolve))
  return answer
}

export const hello = (exchange: DispatchedExchange) => {
  exchange.onHead(200, ['content-type', 'text/plain'], 'hello')
  exchange.onEnd(1.5)
}

export function headersOf(exchange: DispatchedExchange): {
  first: string[]
  headers: Record<string, string[]>
} {
  const [method = '', url = '', ...rest] = exchange.head().split('\n')
  const headers: Record<string, string[]> = {}
  for (let i = 0; i + 1 < rest.length; i += 2) {
    const name = rest[i]!
    headers[name] = [...(headers[name] ?? []), rest[i + 1]!]
  }
  return { first: [method, url], headers }
}
