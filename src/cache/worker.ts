/**
 * The thread of the cache: serves the runtimes, and tells the main thread what became of their questions when that asks.
 * The sums wait here meanwhile, one set for each app.
 */
import { workerData } from 'node:worker_threads'
import type { CacheResult } from '../channels.ts'
import { callerPort } from '../thread.ts'
import { CacheServer, type CacheServerOptions } from './server.ts'

export interface CacheThreadData
  extends Pick<CacheServerOptions, 'token' | 'bytesMax' | 'appBytesMax' | 'entryBytesMax'> {
  path: string
}

/** `listen` is answered when it does, `report` when there is something to tell. */
export type CacheCall = { op: 'listen' } | { op: 'report' } | { op: 'drop'; app: string }

/** What happened since the last report, by app. */
export interface CacheReport {
  results: { app: string; result: CacheResult; count: number }[]
  evictions: { app: string; count: number }[]
  /** Bytes of all that is kept. */
  bytes: number
}

type Message = { id: number; request: CacheCall } | 'close'

const port = callerPort()
const { path, ...options } = workerData as CacheThreadData
const results = new Map<string, Map<CacheResult, number>>()
const evictions = new Map<string, number>()
/** The call for a report that has not been answered. */
let asked: number | null = null
let scheduled = false
/** Something has happened since the last report. */
let hasNews = false

const server = new CacheServer({
  ...options,
  onResult: (app, result) => {
    const counts = results.get(app) ?? new Map<CacheResult, number>()
    results.set(app, counts.set(result, (counts.get(result) ?? 0) + 1))
    noteNews()
  },
  onEvicted: app => {
    evictions.set(app, (evictions.get(app) ?? 0) + 1)
    noteNews()
  },
})

port.on('message', (message: Message) => {
  if (message === 'close') {
    server.close()
    port.close()
    return
  }
  const { id, request } = message
  if (request.op === 'report') {
    asked = id
    if (hasNews) schedule()
    return
  }
  if (request.op === 'drop') {
    server.drop(request.app)
    noteNews()
  }
  const done = request.op === 'listen' ? server.listen(path) : Promise.resolve()
  void done.then(() => port.postMessage({ id, reply: null }))
})

function noteNews(): void {
  hasNews = true
  schedule()
}

/** All that a turn of the loop brings goes in one report. */
function schedule(): void {
  if (scheduled || asked === null) return
  scheduled = true
  setImmediate(report)
}

function report(): void {
  scheduled = false
  hasNews = false
  const reply: CacheReport = {
    results: [...results].flatMap(([app, counts]) =>
      [...counts].map(([result, count]) => ({ app, result, count })),
    ),
    evictions: [...evictions].map(([app, count]) => ({ app, count })),
    bytes: server.bytes,
  }
  port.postMessage({ id: asked, reply })
  asked = null
  results.clear()
  evictions.clear()
}
