/** A connection with a FrameWriter at one end. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { FrameWriter } from '../../src/runtime/frame-writer.ts'

export interface WriterPair {
  reader: Socket
  socket: Socket
  writer: FrameWriter
  close: () => void
}

export async function writerPair(options: { backlogBytesMax?: number } = {}): Promise<WriterPair> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [reader] = (await accepted) as [Socket]
  const close = () => {
    socket.destroy()
    reader.destroy()
    server.close()
  }
  return { reader, socket, writer: new FrameWriter(socket, { isBusy: () => false, ...options }), close }
}
