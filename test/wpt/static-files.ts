/** Serves a checkout's files to the tests, and what the few programs answer that they need. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, extname, join, normalize } from 'node:path'
import { PROGRAMS } from './served-programs.ts'

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.idl': 'text/plain',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.txt': 'text/plain',
  '.wasm': 'application/wasm',
}

export interface StaticFiles extends AsyncDisposable {
  origin: string
}

export async function serveFiles(directory: string): Promise<StaticFiles> {
  const stash = new Map<string, string>()
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://localhost')
    const program = PROGRAMS[basename(pathname)]
    if (program) return void (await program(searchParams, response, stash))
    try {
      const content = await readFile(join(directory, normalize(decodeURIComponent(pathname))))
      response.writeHead(200, { 'content-type': TYPES[extname(pathname)] ?? 'application/octet-stream' })
      response.end(content)
    } catch {
      response.writeHead(404).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
