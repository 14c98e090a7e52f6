/**
 * The thread that maps stacks. It remembers the maps it used last, so that an app that throws often is cheap, and yields
 * its core to those who carry requests.
 */
import { constants, getPriority, setPriority } from 'node:os'
import type { TraceMap } from '@jridgewell/trace-mapping'
import { LRUCache } from 'lru-cache'
import { mapStackWith, readMap } from './source-map.ts'
import type { MapReply, MapRequest } from './stack-mapper.ts'
import { callerPort } from './thread.ts'

/** Of the texts of the maps that are remembered: as much as one stack may need. */
const KEPT_BYTES_MAX = 8 * 2 ** 20

const kept = new LRUCache<string, { trace: TraceMap | null; bytes: number }>({
  maxSize: KEPT_BYTES_MAX,
  sizeCalculation: ({ bytes }) => Math.max(1, bytes),
})
const port = callerPort()

// Of this thread alone, on Linux.
if (process.platform === 'linux') setPriority(Math.min(getPriority() + 10, constants.priority.PRIORITY_LOW))

port.on('message', (message: { id: number; request: MapRequest } | 'close') => {
  if (message === 'close') return port.close()
  const { id, request } = message
  port.postMessage({ id, reply: replyTo(request) })
})

function replyTo({ stack, maps }: MapRequest): MapReply {
  const missing: string[] = []
  const traces = new Map<string, TraceMap | null>()
  for (const { module, key, content } of maps) {
    const entry = kept.get(key) ?? read(key, content)
    if (entry) traces.set(module, entry.trace)
    else missing.push(key)
  }
  if (missing.length > 0) return { missing }
  return { shown: mapStackWith(stack, name => traces.get(name) ?? null) }
}

/** Null if its content has not come. */
function read(key: string, content: Uint8Array | null): { trace: TraceMap | null; bytes: number } | null {
  if (content === null) return null
  const entry = { trace: readMap(content), bytes: content.byteLength }
  kept.set(key, entry)
  return entry
}
