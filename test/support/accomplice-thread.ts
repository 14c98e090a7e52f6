/**
 * Answers each connection, by the path of its first request, with bytes that take long to be read and never end.
 *
 * It stands for a server elsewhere: what it does is not to take a core from those who share this machine.
 */
import { createServer } from 'node:net'
import { constants, setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'

/** As the apps say it. */
const PORT = 9377

const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
const FIELDS = 'a: b\r\n'.repeat(9000)
const INFORMATIONAL = 'HTTP/1.1 103 Early Hints\r\n'

/** What comes first, and what comes again and again. */
const ANSWERS: Record<string, [head: string, rest: Buffer]> = {
  chunks: [CHUNKED, Buffer.from('1\r\nx\r\n'.repeat(20_000))],
  informational: ['', Buffer.from(`${INFORMATIONAL}\r\n`.repeat(4000))],
  fields: ['', Buffer.from(`${INFORMATIONAL}${FIELDS}\r\n`)],
  heads: ['', Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${FIELDS}\r\n`)],
}

if (process.platform === 'linux') setPriority(constants.priority.PRIORITY_LOW)

const server = createServer(socket => {
  socket.on('error', () => {})
  socket.once('data', request => {
    const [, path = ''] = /^GET \/(\w+) /.exec(request.toString('latin1')) ?? []
    const answer = ANSWERS[path]
    if (!answer) return void socket.destroy()
    const [head, rest] = answer
    const fill = () => {
      while (!socket.destroyed && socket.write(rest));
    }
    if (head !== '') socket.write(head)
    socket.on('drain', fill)
    fill()
  })
})
server.listen(PORT, workerData as string, () => parentPort!.postMessage('listens'))
