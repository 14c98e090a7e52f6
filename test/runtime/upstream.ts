/** Real servers on free ports of loopback, and what a test needs to know of them. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createRawServer, type Server, type Socket } from 'node:net'
import { CERTIFICATE, PRIVATE_KEY } from './certificate.ts'

/** Speaks HTTP/1.1. */
export async function startUpstream(
  listener: RequestListener,
  { host = '127.0.0.1', tls = false } = {},
): Promise<Upstream> {
  const server = tls
    ? createTlsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, listener)
    : createServer(listener)
  server.listen(0, host)
  await once(server, 'listening')
  return new Upstream(server, tls ? 'https' : 'http')
}

/** Speaks whatever `serve` makes of a connection. */
export async function startRawUpstream(serve: (socket: Socket) => void): Promise<Upstream> {
  const server = createRawServer(serve).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new Upstream(server, 'http')
}

export class Upstream implements AsyncDisposable {
  readonly port: number
  readonly url: string
  /** Connections so far. */
  accepted = 0
  readonly #server: Server
  readonly #open = new Set<Socket>()

  constructor(server: Server, scheme: string) {
    const { address, port } = server.address() as AddressInfo
    this.port = port
    this.url = `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`
    this.#server = server
    server.on('connection', socket => {
      this.accepted++
      this.#open.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#open.delete(socket)
        if (this.#open.size === 0) server.emit('quiet')
      })
    })
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size
  }

  /** Resolves when none is open. */
  async quiet() {
    if (this.#open.size > 0) await once(this.#server, 'quiet')
  }

  async [Symbol.asyncDispose]() {
    if (!this.#server.listening) return
    this.#server.close()
    for (const socket of this.#open) socket.destroy()
    await once(this.#server, 'close')
  }
}
