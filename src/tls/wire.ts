/**
 * How a runtime process has a TLS connection made: over a unix socket it sends a line of JSON, reads one, and what
 * follows in both directions are the connection's bytes, in the clear.
 */
import type { Socket } from 'node:net'

export interface TlsQuestion {
  token: string
  /** On whose behalf, as its runtime says and the app cannot. */
  app: string
  /** Where to, in the order in which they are to be tried: the app may connect to all of them. */
  addresses: { address: string; family: number }[]
  port: number
  /** Whom the certificate has to name; for an IP address no name is sent. */
  hostname: string
}

/** `error`: why there is no connection, as Node tells it. */
export type TlsAnswer = { error: null } | { error: { message: string; code?: string; reason?: string } }

/** A name may have as many addresses as fit. */
const LINE_BYTES_MAX = 65_536

export function lineOf(message: TlsQuestion | TlsAnswer): string {
  return `${JSON.stringify(message)}\n`
}

/** Reads a line, and no byte beyond it. Rejects if the connection ends before that, or it is too long. */
export function readLine(socket: Socket): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  let read = Buffer.alloc(0)
  const take = () => {
    for (;;) {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      read = Buffer.concat([read, chunk])
      const end = read.indexOf('\n')
      if (end === -1 && read.length <= LINE_BYTES_MAX) continue
      stop()
      if (end === -1) return reject(new Error('the line is too long'))
      socket.unshift(read.subarray(end + 1))
      return resolve(parsed(read.toString('utf8', 0, end)))
    }
  }
  const fail = (error?: Error) => {
    stop()
    reject(error ?? new Error('the connection has ended'))
  }
  const stop = () => {
    socket.off('readable', take).off('error', fail).off('end', fail).off('close', fail)
  }
  socket.on('readable', take).on('error', fail).on('end', fail).on('close', fail)
  return promise
}

async function parsed(line: string): Promise<unknown> {
  return JSON.parse(line)
}
