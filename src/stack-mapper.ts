/**
 * Maps an app's stacks to its sources in a thread of its own, for a source map of some megabytes takes longer to
 * read than requests can wait. Never fails: what cannot be mapped in time comes back unmapped.
 */
import type { BundleModule } from './bundle.ts'
import { mapStackWith } from './source-map.ts'
import { Thread } from './thread.ts'

export interface MapRequest {
  stack: string
  maps: { module: string; content: Uint8Array }[]
}

/** Larger maps are not read; copying this much to the thread takes some milliseconds. */
const MAP_BYTES_MAX = 8 * 2 ** 20
const MAP_MS_MAX = 5000
const PENDING_MAX = 16

export class StackMapper implements AsyncDisposable {
  readonly #thread = new Thread<MapRequest, string>({
    script: new URL('./source-map-worker.ts', import.meta.url),
    name: 'source-maps',
    pendingMax: PENDING_MAX,
  })

  async map(stack: string, modules: readonly BundleModule[]): Promise<string> {
    const unmapped = mapStackWith(stack, () => null)
    let room = MAP_BYTES_MAX
    const maps: MapRequest['maps'] = []
    for (const { name, type, content } of modules) {
      const module = name.replace(/\.map$/, '')
      if (type !== 'sourcemap' || !unmapped.includes(`${module}:`) || content.byteLength > room) continue
      room -= content.byteLength
      maps.push({ module, content: new Uint8Array(content) })
    }
    if (maps.length === 0) return unmapped

    const tooLong = setTimeout(() => void this.#thread.kill(), MAP_MS_MAX)
    try {
      return await this.#thread.call({ stack: unmapped, maps })
    } catch {
      return unmapped
    } finally {
      clearTimeout(tooLong)
    }
  }

  async [Symbol.asyncDispose]() {
    await this.#thread[Symbol.asyncDispose]()
  }
}
