/**
 * Makes TLS connections for runtimes that ask for them over a unix socket. A connection lives as long as the one that
 * asked for it: whoever asks has the timers.
 */
import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, createServer, isIP, type Server, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import {
  connect as connectTls,
  createSecureContext,
  DEFAULT_CIPHERS,
  type SecureContext,
  type TLSSocket,
} from 'node:tls'
import { FairTurns, threadCpuMs } from '../fair-turns.ts'
import { HAPPY_EYEBALLS } from '../happy-eyeballs.ts'
import { Ciphertext } from './ciphertext.ts'
import type { TlsProcessStatus } from './status.ts'
import { lineOf, readLine, type TlsAnswer, type TlsQuestion } from './wire.ts'

/**
 * What a server may have the client compute before it has proven anything. As browsers and BoringSSL no Diffie-Hellman in
 * finite fields, whose size the server chooses: with 9,984 bits each handshake takes 700 ms.
 */
const CIPHERS = `${DEFAULT_CIPHERS}:!kDHE`
const GROUPS = 'X25519MLKEM768:X25519:P-256:P-384:P-521'

/** Open at once, of all apps and of one: each takes 100 kB or so. */
const CONNECTIONS_MAX = 4096
const APP_CONNECTIONS_MAX = 1000

/** To resume: of so many servers, each for one app. The oldest goes first. */
const SESSIONS_MAX = 1000

export class TlsServer implements Disposable {
  readonly #token: Buffer
  readonly #server: Server
  /**
   * What a server sends is decrypted and verified in steps, and may be a chain of certificates that takes 400 ms: its app
   * waits for twenty times as long, so that it has a twentieth of this thread in the end. An honest handshake takes 1 to 3.
   */
  readonly #turns = new FairTurns({ pause: { afterMs: 5, factor: 20 }, usedMs: threadCpuMs })
  /** All that ask, and how many connections there are for each app. */
  readonly #sockets = new Set<Socket>()
  readonly #open = new Map<string, number>()
  readonly #sessions = new Map<string, Buffer>()
  readonly #context: SecureContext
  #refused = 0

  /** Questions must show the token. */
  constructor({ token }: { token: string }) {
    this.#token = Buffer.from(token)
    this.#context = createSecureContext({ ciphers: CIPHERS, ecdhCurve: GROUPS })
    this.#server = createServer(socket => void this.#serve(socket))
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path)
    await once(this.#server, 'listening')
  }

  [Symbol.dispose](): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  async #serve(local: Socket): Promise<void> {
    let app: string | null = null
    let remote: TLSSocket | null = null
    this.#sockets.add(local)
    local.on('close', () => {
      this.#sockets.delete(local)
      if (app !== null) this.#release(app)
      remote?.destroy()
    })
    // It ends what is made for it; there is nobody to tell.
    local.on('error', () => {})
    try {
      const question = (await readLine(local)) as TlsQuestion
      if (!this.#knows(question.token)) return void local.destroy()
      if (local.destroyed) return
      if (!this.#admits(question.app)) {
        this.#refused++
        return void local.end(lineOf(TOO_MANY))
      }
      app = question.app
      remote = this.#connect(question)
      remote.on('error', () => {})
      try {
        await once(remote, 'secureConnect')
      } catch (error) {
        return void local.end(lineOf(answerOf(error as Error)))
      }
      local.write(lineOf({ error: null }))
      await pipeline(local, remote, local)
    } catch {
      local.destroy()
    }
  }

  get stats(): Omit<TlsProcessStatus, 'rssBytes'> {
    return { connections: this.#sockets.size, refused: this.#refused }
  }

  #knows(token: unknown): boolean {
    const given = Buffer.from(String(token))
    return given.length === this.#token.length && timingSafeEqual(given, this.#token)
  }

  /** Counts one more of the app's, if there may be one: to be released. */
  #admits(app: string): boolean {
    const open = this.#open.get(app) ?? 0
    if (open >= APP_CONNECTIONS_MAX || this.#sockets.size > CONNECTIONS_MAX) return false
    this.#open.set(app, open + 1)
    return true
  }

  #release(app: string): void {
    const left = this.#open.get(app)! - 1
    if (left > 0) this.#open.set(app, left)
    else this.#open.delete(app)
  }

  #connect({ app, addresses, port, hostname }: TlsQuestion): TLSSocket {
    const socket = connectTcp({
      host: hostname,
      port,
      lookup: (_hostname, _options, done) => done(null, addresses),
      ...HAPPY_EYEBALLS,
    })
    socket.setNoDelay(true)
    const key = `${app}\n${hostname}\n${port}`
    const session = this.#sessions.get(key)
    const remote = connectTls({
      socket: new Ciphertext(socket, { app, turns: this.#turns }),
      secureContext: this.#context,
      host: hostname,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      ...(session && { session }),
      ...(isIP(hostname) ? {} : { servername: hostname }),
    })
    remote.on('session', fresh => this.#keep(key, fresh))
    return remote
  }

  #keep(key: string, session: Buffer): void {
    this.#sessions.delete(key)
    this.#sessions.set(key, session)
    if (this.#sessions.size > SESSIONS_MAX) this.#sessions.delete(this.#sessions.keys().next().value!)
  }
}

const TOO_MANY: TlsAnswer = { error: { message: 'too many TLS connections are open; try again later' } }

function answerOf(error: Error): TlsAnswer {
  // Every address was tried in turn; the first failure says most.
  const first = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error
  const { message, code, reason } = first as NodeJS.ErrnoException & { reason?: string }
  return { error: { message, ...(code && { code }), ...(reason && { reason }) } }
}
