/**
 * Maps apps' stacks to their sources in a thread of its own, for a source map of some megabytes takes longer to read than
 * requests can wait. Never fails: what cannot be mapped in time comes back unmapped.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BundleModule, STEP_BYTES } from './bundle.ts'
import { mapStackWith } from './source-map.ts'
import { NoAnswer, Thread } from './thread.ts'
import { Slots } from './turns.ts'

export interface MapRequest {
  stack: string
  maps: { module: string; key: string; content: Uint8Array<SharedArrayBuffer> | null }[]
}

/** The stack, or the keys of maps that the thread does not have. */
export type MapReply = { shown: string } | { missing: string[] }

/** A bundle, by its hash, and its modules. */
export interface Mapped {
  hash: string
  modules: readonly BundleModule[]
}

/** Larger maps are not read. */
const MAP_BYTES_MAX = 8 * 2 ** 20
const MAP_MS_MAX = 5000
const WAITING_MAX = 16
/** Maps that have been read are some twenty times as large as their texts. A thread that wants more dies. */
const HEAP_MB_MAX = 512
/** So many bundles are remembered whose maps the thread has died of. */
const FATAL_MAX = 1000

export class StackMapper implements AsyncDisposable {
  readonly #thread = new Thread<MapRequest, MapReply>({
    script: new URL('./source-map-worker.ts', import.meta.url),
    name: 'source-maps',
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB_MAX },
    pendingMax: 1,
  })
  /** One at a time: who the thread dies of is certain. */
  readonly #turns = new Slots(1)
  #waiting = 0
  /** Hashes of bundles, those of late last. */
  readonly #fatal = new Set<string>()

  async map(stack: string, { hash, modules }: Mapped): Promise<string> {
    const unmapped = mapStackWith(stack, () => null)
    const maps = this.#fatal.has(hash) ? [] : mapsOf(unmapped, modules)
    if (maps.length === 0) return unmapped

    if (this.#waiting === WAITING_MAX) return unmapped
    this.#waiting++
    using _turn = await this.#turns.take()
    this.#waiting--
    if (this.#fatal.has(hash)) return unmapped
    return (await this.#ask(unmapped, hash, maps)) ?? unmapped
  }

  async #ask(
    stack: string,
    hash: string,
    maps: readonly { module: string; content: Uint8Array }[],
  ): Promise<string | null> {
    const asked = maps.map(({ module }) => ({ module, key: `${hash}/${module}`, content: null }))
    const tooLong = setTimeout(() => void this.#thread.kill(), MAP_MS_MAX)
    try {
      const reply = await this.#thread.call({ stack, maps: asked })
      if ('shown' in reply) return reply.shown
      const shared = await Promise.all(
        asked.map(async (map, index) =>
          reply.missing.includes(map.key) ? { ...map, content: await share(maps[index]!.content) } : map,
        ),
      )
      return shownIn(await this.#thread.call({ stack, maps: shared }))
    } catch (error) {
      if (error instanceof NoAnswer && error.reason === 'lost') this.#avoid(hash)
      return null
    } finally {
      clearTimeout(tooLong)
    }
  }

  #avoid(hash: string): void {
    const [oldest] = this.#fatal
    if (this.#fatal.size === FATAL_MAX) this.#fatal.delete(oldest!)
    this.#fatal.add(hash)
  }

  async [Symbol.asyncDispose]() {
    await this.#thread[Symbol.asyncDispose]()
  }
}

function shownIn(reply: MapReply): string | null {
  return 'shown' in reply ? reply.shown : null
}

/** The maps of modules that the stack names, as far as they are not too large together. */
function mapsOf(stack: string, modules: readonly BundleModule[]): { module: string; content: Uint8Array }[] {
  let room = MAP_BYTES_MAX
  const maps: { module: string; content: Uint8Array }[] = []
  for (const { name, type, content } of modules) {
    const module = name.replace(/\.map$/, '')
    if (type !== 'sourcemap' || !stack.includes(`${module}:`) || content.byteLength > room) continue
    room -= content.byteLength
    maps.push({ module, content })
  }
  return maps
}

/** A copy that the thread sees, made in steps between which the event loop goes on. */
async function share(content: Uint8Array): Promise<Uint8Array<SharedArrayBuffer>> {
  const shared = new Uint8Array(new SharedArrayBuffer(content.byteLength))
  for (let from = 0; from < content.byteLength; from += STEP_BYTES) {
    if (from > 0) await nextTurn()
    shared.set(content.subarray(from, from + STEP_BYTES), from)
  }
  return shared
}
