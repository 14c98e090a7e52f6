/** Runs the real command line as a process, and a small control API in memory for it to talk to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The command `vitrine`, as package.json names it. */
export const BIN = fileURLToPath(new URL('../../src/cli/bin.mjs', import.meta.url))

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string>
}

/** Starts `vitrine …`. */
export function start(args: string[], { cwd, env }: RunOptions = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    cwd: cwd ?? tmpdir(),
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Runs `vitrine …` to its end. */
export async function vitrine(args: string[], options: RunOptions = {}): Promise<Finished> {
  return finished(start(args, options))
}

export async function finished(child: ChildProcess): Promise<Finished> {
  let stdout = ''
  let stderr = ''
  child.stdout!.on('data', chunk => (stdout += chunk))
  child.stderr!.on('data', chunk => (stderr += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** The next line of a command's stdout; rejects with what it wrote to stderr if it ends instead. */
export async function nextLine(child: ChildProcess): Promise<string> {
  let stderr = ''
  child.stderr!.on('data', chunk => (stderr += chunk))
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  createInterface({ input: child.stdout! }).once('line', resolve)
  child.once('close', code => reject(new Error(`it ended with ${code} and said: ${stderr}`)))
  return promise
}

/** A directory that goes away with the test, with these files in it. */
export async function directoryWith(
  files: Record<string, string | Uint8Array>,
): Promise<Disposable & { path: string }> {
  const path = mkdtempSync(join(tmpdir(), 'vitrine-test-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true })
    await writeFile(join(path, name), content)
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
) => void | Promise<void>

/** A control API whose endpoints are `METHOD /path` without the prefix; others answer 404 as the real one does. */
export async function startControl(endpoints: Record<string, Answer>, port = 0) {
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: Buffer }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const { method = '', url = '', headers } = request
    seen.push({ method, url, headers, body })
    const path = url.replace(/^\/api\/v1/, '').replace(/\?.*$/, '')
    const answer = endpoints[`${method} ${path}`]
    if (answer) await answer(request, response, body)
    else refuse(response, 404, 'APP_NOT_FOUND', 'There is no such app: "vitrine apps" lists them')
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const { port: taken } = server.address() as AddressInfo
  return {
    seen,
    port: taken,
    env: { VITRINE_URL: `http://127.0.0.1:${taken}` },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function json(value: unknown): Answer {
  return (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
}

export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  detail?: string,
): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ error: { code, message, detail } }))
}

/** Reads a multipart body as the platform would. */
export function formOf(seen: { headers: IncomingMessage['headers']; body: Buffer }): Promise<FormData> {
  const headers = { 'content-type': seen.headers['content-type']! }
  return new Response(new Uint8Array(seen.body), { headers }).formData()
}
