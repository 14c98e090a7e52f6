/** A TCP connection as TLS reads it: each piece of what has come when it is its app's turn. */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { FairTurns } from '../fair-turns.ts'

export class Ciphertext extends Duplex {
  readonly #socket: Socket

  constructor(socket: Socket, { app, turns }: { app: string; turns: FairTurns }) {
    super()
    this.#socket = socket
    // One piece at a time: while it waits, what follows stays with the system.
    socket.on('data', (piece: Buffer) => {
      socket.pause()
      const run = () => {
        if (!this.destroyed && this.push(piece)) socket.resume()
      }
      turns.take(app, { run })
    })
    socket.on('end', () => turns.take(app, { run: () => void (this.destroyed || this.push(null)) }))
    socket.on('error', error => this.destroy(error))
    socket.on('close', () => turns.take(app, { run: () => void this.destroy() }))
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(piece: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(piece, done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
