/**
 * One connection for small exchanges, whose own time hardly counts: node:http's client takes about as long for a request
 * as a warm platform does.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Target } from './target.ts'

const HEAD_END = '\r\n\r\n'

export class LeanClient implements Disposable {
  readonly #socket: Socket
  #received = ''
  #respond: (text: string) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received += text
      if (isWhole(this.#received)) this.#respond(this.#received)
    })
  }

  static async connect(port: number): Promise<LeanClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new LeanClient(socket)
  }

  /** Resolves to how long a GET took, in ms. Rejects if its status is not 200. */
  async ms({ host }: Pick<Target, 'host'>): Promise<number> {
    const request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#received = ''
    this.#respond = resolve
    const began = performance.now()
    this.#socket.write(request, 'latin1')
    const response = await promise
    const ms = performance.now() - began
    if (!response.startsWith('HTTP/1.1 200 ')) throw new Error(`${host} answered: ${response.slice(0, 200)}`)
    return ms
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

/** The answers that are asked for here say their length. */
function isWhole(text: string): boolean {
  const end = text.indexOf(HEAD_END)
  if (end === -1) return false
  const [, length] = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, end + 2)) ?? []
  if (length === undefined) throw new Error(`An answer without content-length: ${text.slice(0, 200)}`)
  return text.length >= end + HEAD_END.length + Number(length)
}
