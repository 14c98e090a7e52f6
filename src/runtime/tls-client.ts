/** The runtime's way to TLS connections: the relay makes them (tls/relay.ts). */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type DoorAddress, knock } from '../door.ts'
import { lineOf, readLine, type TlsAnswer, type TlsQuestion } from '../tls/wire.ts'
import { SubrequestError } from './subrequest-error.ts'

/** Makes TLS connections. */
export interface TlsConnector {
  /**
   * Resolves to a connection whose bytes are in the clear here. Rejects with what Node says of connections and certificates
   * that are not as they have to be, or of a relay that is not there.
   */
  connect(question: Omit<TlsQuestion, 'token'>, signal: AbortSignal): Promise<Socket>
}

/** Where there is no relay. */
export const NO_TLS: TlsConnector = {
  connect: () => Promise.reject(new SubrequestError('https: is not supported here')),
}

export class TlsClient implements TlsConnector {
  readonly #address: DoorAddress
  #knocked: Promise<void> | null = null

  constructor(address: DoorAddress) {
    this.#address = address
  }

  async connect(question: Omit<TlsQuestion, 'token'>, signal: AbortSignal): Promise<Socket> {
    const socket = await this.#reach()
    const abort = () => socket.destroy(signal.reason as Error)
    signal.addEventListener('abort', abort)
    try {
      signal.throwIfAborted()
      socket.write(lineOf({ ...question, token: this.#address.token }))
      const { error } = await answerFrom(socket)
      if (error) throw Object.assign(new Error(error.message), error)
      return socket
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** A connection to the relay, which starts at the first knock. One that has died since is knocked up again, once. */
  async #reach(): Promise<Socket> {
    this.#knocked ??= knock(this.#address)
    try {
      await this.#knocked
      return await open(this.#address.path)
    } catch {
      this.#knocked = knock(this.#address)
      try {
        await this.#knocked
        return await open(this.#address.path)
      } catch (cause) {
        throw noRelay(cause)
      }
    }
  }
}

/** One that has been destroyed with an error rejects with that, and any other with that of a relay that has gone. */
async function answerFrom(socket: Socket): Promise<TlsAnswer> {
  try {
    return (await readLine(socket)) as TlsAnswer
  } catch (error) {
    throw error instanceof SubrequestError ? error : noRelay(error)
  }
}

function noRelay(cause: unknown): SubrequestError {
  return new SubrequestError('no TLS connection can be made at present; try again later', { cause })
}

async function open(path: string): Promise<Socket> {
  const socket = connect(path)
  await once(socket, 'connect')
  return socket
}
