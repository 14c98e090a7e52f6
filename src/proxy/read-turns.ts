/**
 * Node reads a connection as long as there is something to read, 2 MiB at a time, and a client may send that in chunks of
 * one byte: seconds of this thread. A connection that has brought so many waits until it is its turn; there is one in each
 * turn of the event loop.
 */
import type { Socket } from 'node:net'

const waiting = new Set<Socket>()

/** Reads nothing more from the connection until it is its turn. */
export function waitTurn(socket: Socket): void {
  if (socket.destroyed || waiting.has(socket)) return
  socket.pause()
  // node:http has it read on with each piece of a body that its reader takes.
  socket.resume = () => socket
  waiting.add(socket)
  if (waiting.size === 1) setImmediate(next)
}

function next(): void {
  const [socket] = waiting
  waiting.delete(socket!)
  delete (socket as { resume?: unknown }).resume
  socket!.resume()
  if (waiting.size > 0) setImmediate(next)
}
