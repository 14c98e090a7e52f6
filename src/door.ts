/**
 * What runtimes need from a server beside them that few platforms ever need: it starts when the first of them knocks at
 * its door. Both are unix sockets in a directory that only this user enters.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { openSocketDirectory } from './socket-directory.ts'

/** What a runtime process is told of the server. */
export interface DoorAddress {
  /** A socket to knock at, before the first question and when nobody listens: whoever answers closes the connection. */
  door: string
  /** The socket at which it listens from then on. */
  path: string
  /** Whoever asks must show it. */
  token: string
}

export class Door implements AsyncDisposable {
  readonly address: DoorAddress
  readonly #directory: string
  readonly #server: Server
  /** Resolves when the server listens, or whoever knocked is to go on without. To be set before anybody knows of the door. */
  onKnock: () => Promise<void> = async () => {}

  private constructor(directory: string) {
    this.#directory = directory
    this.address = {
      door: join(directory, 'door.sock'),
      path: join(directory, 'server.sock'),
      token: randomBytes(24).toString('base64url'),
    }
    this.#server = createServer(socket => void this.#answer(socket))
  }

  /** Resolves when runtimes may knock. */
  static async open(): Promise<Door> {
    const door = new Door(await openSocketDirectory())
    door.#server.listen(door.address.door)
    await once(door.#server, 'listening')
    return door
  }

  /** Nobody can knock any more. */
  close(): void {
    this.#server.close()
  }

  /** To be called when the server has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #answer(socket: Socket): Promise<void> {
    socket.on('error', () => {})
    await this.onKnock()
    socket.destroy()
  }
}

/** Resolves when the server has been started. Rejects if there is nobody at the door. */
export async function knock({ door }: DoorAddress): Promise<void> {
  await once(connect(door).resume(), 'close')
}
