/**
 * The metrics thread: owns the registry and answers on :9898, so that no scrape, however large, takes the
 * proxy's event loop. For gauges it asks the main thread to refresh the board, waits for a bounded time, and
 * serves what is there.
 *
 * `/metrics`: every family, as Prometheus' text or OpenMetrics. `/healthz`: the main loop turns. `/readyz`: the
 * platform would take a request now.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { parentPort, workerData } from 'node:worker_threads'
import { constants, gzip } from 'node:zlib'
import type { Address } from '../config.ts'
import { Board, type BoardMemory } from './board.ts'
import { Exposition, type Format } from './exposition.ts'

export interface ServerData {
  memory: BoardMemory
  address: Address
}
export type ToServer = 'refreshed'
export type FromServer =
  | { type: 'listening'; port: number }
  | { type: 'failed'; code: string | undefined; message: string }
  | { type: 'refresh' }

/** How long a scrape waits for the main thread. */
const REFRESH_MS = 1000
/** A main loop that has not turned for this long is stuck. */
const STUCK_MS = 5000
const CONNECTIONS_MAX = 100
const REQUEST_MS = 10_000
const gzipAsync = promisify(gzip)

interface Rendered {
  contentType: string
  body: Buffer
  gzipped?: Promise<Buffer>
}

const port = parentPort!
const { memory, address } = workerData as ServerData
const board = new Board(memory)
const exposition = new Exposition(board)

let refreshed: PromiseWithResolvers<void> | undefined

/** Asks the main thread to write the gauges. Resolves when it has, or when it takes too long. */
async function refresh(): Promise<void> {
  if (!refreshed) {
    refreshed = Promise.withResolvers<void>()
    port.postMessage({ type: 'refresh' } satisfies FromServer)
  }
  const timeout = Promise.withResolvers<void>()
  const timer = setTimeout(timeout.resolve, REFRESH_MS)
  await Promise.race([refreshed.promise, timeout.promise])
  clearTimeout(timer)
}

const rendering = new Map<Format, Promise<Rendered>>()
let last: Promise<unknown> = Promise.resolve()

/** Renders once for all who ask at the same time, and one format after the other. */
function scrape(format: Format): Promise<Rendered> {
  const running = rendering.get(format)
  if (running) return running
  const render = async (): Promise<Rendered> => {
    await refresh()
    const text = await exposition.render(format)
    return { contentType: exposition.contentType(format), body: Buffer.from(text) }
  }
  const result = last.then(render, render).finally(() => rendering.delete(format))
  rendering.set(format, result)
  last = result
  return result
}

async function serveMetrics({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
  const format = accepts(headers.accept, 'application/openmetrics-text') ? 'openmetrics' : 'text'
  const rendered = await scrape(format)
  response.setHeader('content-type', rendered.contentType)
  response.setHeader('vary', 'accept, accept-encoding')
  if (!accepts(headers['accept-encoding'] as string | undefined, 'gzip')) {
    response.end(rendered.body)
    return
  }
  rendered.gzipped ??= gzipAsync(rendered.body, { level: constants.Z_BEST_SPEED })
  response.setHeader('content-encoding', 'gzip')
  response.end(await rendered.gzipped)
}

/** Whether a list such as `a/b;q=0.5, gzip` names `item` and does not refuse it. */
function accepts(list: string | undefined, item: string): boolean {
  return (list ?? '').split(',').some(part => {
    const [name, ...parameters] = part.split(';').map(text => text.trim().toLowerCase())
    return name === item && !parameters.some(parameter => /^q=0(\.0*)?$/.test(parameter))
  })
}

function stuckReason(): string | null {
  const { sinceBeatMs } = board.health
  return sinceBeatMs > STUCK_MS
    ? `the main loop has been stuck for ${Math.round(sinceBeatMs / 1000)} s`
    : null
}

function serveHealth(response: ServerResponse, reason: string | null): void {
  response.statusCode = reason === null ? 200 : 503
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(`${reason ?? 'ok'}\n`)
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  switch (request.url?.split('?', 1)[0]) {
    case '/metrics':
      return serveMetrics(request, response)
    case '/healthz':
      return serveHealth(response, stuckReason())
    case '/readyz': {
      const { ready, reason } = board.health
      return serveHealth(response, stuckReason() ?? (ready ? null : reason || 'not ready'))
    }
    default:
      response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics, /healthz and /readyz\n')
  }
}

const server = createServer(
  { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
  (request, response) => {
    // An error here is ours: it ends this thread, and the main thread starts another on the same board.
    void handle(request, response)
  },
)
server.maxConnections = CONNECTIONS_MAX

server.on('error', (error: NodeJS.ErrnoException) => {
  port.postMessage({ type: 'failed', code: error.code, message: error.message } satisfies FromServer)
})
server.listen({ host: address.host, port: address.port }, () => {
  const bound = server.address()
  if (typeof bound === 'object' && bound) {
    port.postMessage({ type: 'listening', port: bound.port } satisfies FromServer)
  }
})

port.on('message', (_: ToServer) => {
  refreshed?.resolve()
  refreshed = undefined
})
