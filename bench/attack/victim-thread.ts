/**
 * The victims' clients, in a thread of their own: connections that stay open and each ask at a fixed pace, whether or
 * not others have been answered. A request that falls due while its connection still waits counts from when it was
 * due.
 */
import { connect, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

export interface VictimOptions {
  port: number
  /** Of as many victims, asked in turn. */
  hosts: string[]
  connections: number
  /** Of all connections together. */
  perSecond: number
  /** What the victim answers. */
  body: string
}

/** What has happened since the last report. */
export interface VictimReport {
  /** Of each request, in ms. */
  latencies: number[]
  failures: string[]
}

const { port, hosts, connections, perSecond, body } = workerData as VictimOptions
/** One unanswered for this long has failed. */
const ANSWER_MS_MAX = 10_000
const FAILURES_KEPT = 20

let report: VictimReport = { latencies: [], failures: [] }

class Asker {
  #socket: Socket | null = null
  /** When the request under way was due; 0: none is. */
  #since = 0
  /** When the first of those that wait was due. */
  #due: number[] = []
  #answer = ''
  readonly #request: string

  constructor(host: string) {
    this.#request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  }

  ask(): void {
    const now = performance.now()
    if (this.#since !== 0 && now - this.#since > ANSWER_MS_MAX) this.#fail('no answer in time')
    if (this.#since !== 0) this.#due.push(now)
    else this.#send(now)
  }

  #send(since: number): void {
    this.#since = since
    this.#socket ??= this.#connect()
    this.#socket.write(this.#request)
  }

  #connect(): Socket {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#read(text))
    socket.on('error', error => this.#fail(error.message))
    socket.on('close', () => {
      if (this.#socket === socket) this.#fail('the connection was closed')
    })
    return socket
  }

  #read(text: string): void {
    this.#answer += text
    const bodyAt = this.#answer.indexOf('\r\n\r\n') + 4
    if (bodyAt < 4) return
    const length = Number(/^content-length: (\d+)/im.exec(this.#answer)?.[1] ?? Number.NaN)
    if (this.#answer.length < bodyAt + length) return
    const answer = this.#answer
    this.#answer = ''
    if (!answer.startsWith('HTTP/1.1 200 ') || answer.slice(bodyAt) !== body) {
      return this.#fail(answer.slice(0, 300))
    }
    report.latencies.push(performance.now() - this.#since)
    this.#since = 0
    const next = this.#due.shift()
    if (next !== undefined) this.#send(next)
  }

  #fail(message: string): void {
    const socket = this.#socket
    this.#socket = null
    socket?.destroy()
    if (this.#since === 0) return
    this.#since = 0
    this.#answer = ''
    this.#due = []
    if (report.failures.length < FAILURES_KEPT) report.failures.push(message)
  }
}

const askers = Array.from({ length: connections }, (_, n) => new Asker(hosts[n % hosts.length]!))
const periodMs = (connections * 1000) / perSecond
for (const [index, asker] of askers.entries()) {
  setTimeout(() => setInterval(() => asker.ask(), periodMs), (index * periodMs) / connections)
}

parentPort!.on('message', () => {
  parentPort!.postMessage(report)
  report = { latencies: [], failures: [] }
})
