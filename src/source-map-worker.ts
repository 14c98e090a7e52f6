/** The thread that maps stacks. It remembers the maps it used last, so that an app that throws often is cheap. */
import type { TraceMap } from '@jridgewell/trace-mapping'
import { LRUCache } from 'lru-cache'
import { bundleHash } from './bundle.ts'
import { mapStackWith, readMap } from './source-map.ts'
import type { MapRequest } from './stack-mapper.ts'
import { callerPort } from './thread.ts'

const MAPS_KEPT = 16

const kept = new LRUCache<string, { trace: TraceMap | null }>({ max: MAPS_KEPT })
const port = callerPort()

port.on('message', (message: { id: number; request: MapRequest } | 'close') => {
  if (message === 'close') return port.close()
  const { id, request } = message
  const traces = new Map(request.maps.map(({ module, content }) => [module, traceOf(content)]))
  port.postMessage({ id, reply: mapStackWith(request.stack, name => traces.get(name) ?? null) })
})

function traceOf(content: Uint8Array): TraceMap | null {
  const hash = bundleHash(content)
  let entry = kept.get(hash)
  if (!entry) {
    entry = { trace: readMap(content) }
    kept.set(hash, entry)
  }
  return entry.trace
}
