/**
 * The thread that writes: commits the writes that arrived together as one transaction and answers each. On
 * `close` it finishes what is queued, folds the write-ahead log into the file and ends.
 */
import { workerData } from 'node:worker_threads'
import { VitrineError } from '../errors.ts'
import { callerPort } from '../thread.ts'
import { connect, storeError } from './sqlite-database.ts'
import { SqliteWriter, type Write, type WriteResult } from './sqlite-writer.ts'

export interface WriterData {
  file: string
  lockWaitMs: number
}

/** `code` is null for what only a bug of ours explains. */
export type WriteReply = { value: unknown } | { code: VitrineError['code'] | null; message: string }

const port = callerPort()
const { file, lockWaitMs } = workerData as WriterData
const database = connect(file, { waitMs: lockWaitMs })
const writer = new SqliteWriter(database)
let queue: { id: number; request: Write }[] = []
let scheduled = false
let closing = false

port.on('message', (message: { id: number; request: Write } | 'close') => {
  if (message === 'close') closing = true
  else queue.push(message)
  if (!scheduled) setImmediate(flush)
  scheduled = true
})

function flush() {
  const group = queue
  queue = []
  scheduled = false
  const results = group.length > 0 ? writer.run(group.map(({ request }) => request)) : []
  results.forEach((result, i) => {
    const { id, request } = group[i]!
    port.postMessage({ id, reply: replyOf(result) })
    if (request.op === 'deploy') request.chunks.forEach(free)
  })
  if (closing) {
    database.close()
    port.close()
  }
}

/** At once: this thread makes so little garbage that it collects none before 64 MB of bundles lie about. */
function free({ buffer }: Uint8Array<ArrayBuffer>) {
  buffer.transfer(0)
}

function replyOf(result: WriteResult): WriteReply {
  if ('value' in result) return { value: result.value }
  const error = storeError(result.error, file)
  if (error instanceof VitrineError) return { code: error.code, message: error.message }
  return { code: null, message: String((error as Error)?.stack ?? error) }
}
