/**
 * The relay's process. Its standard input is a pipe from whoever started it, with its settings as a line of JSON; when the
 * pipe closes, the process is gone. It prints how it is (status.ts) when it listens and for each further line.
 */
import { flushCompileCache } from 'node:module'
import { setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { TlsServer } from './server.ts'
import { statusLine } from './status.ts'

export interface TlsProcessSettings {
  path: string
  token: string
  /** By how much it yields to those that carry requests: it works for apps. */
  nice: number
}

process.stdin.on('close', () => process.exit())
// Whoever started it decides when it stops; a terminal's Ctrl-C reaches the whole process group.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

let server: TlsServer | null = null
for await (const line of createInterface(process.stdin)) {
  if (server === null) {
    const { path, token, nice } = JSON.parse(line) as TlsProcessSettings
    if (nice > 0) setPriority(nice)
    server = new TlsServer({ token })
    await server.listen(path)
    flushCompileCache()
  }
  process.stdout.write(statusLine({ rssBytes: process.memoryUsage.rss(), ...server.stats }))
}
