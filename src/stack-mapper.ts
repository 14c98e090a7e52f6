/**
 * Maps apps' stacks to their sources in a thread of its own, for a source map of some megabytes takes longer to read than
 * requests can wait. Never fails: what cannot be mapped in time comes back unmapped.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type BundleModule, STEP_BYTES } from './bundle.ts'
import { boundStack } from './source-map.ts'
import { NoAnswer, Thread } from './thread.ts'
import { Slots } from './turns.ts'

export interface MapRequest {
  stack: string
  maps: { module: string; key: string; content: Uint8Array<SharedArrayBuffer> | null }[]
}

/** The stack, or the keys of maps that the thread does not have. */
export type MapReply = { shown: string } | { missing: string[] }

/** A bundle, by its hash. */
export interface Mapped {
  hash: string
  /** Its modules, to be asked for if they are not known; null: not now. May reject. */
  modules(): Promise<readonly BundleModule[] | null>
}

/** Larger maps are not read. */
const MAP_BYTES_MAX = 8 * 2 ** 20
const MAP_MS_MAX = 5000
const WAITING_MAX = 16
/** Maps that have been read are some twenty times as large as their texts. A thread that wants more dies. */
const HEAP_MB_MAX = 512
/** So many bundles are remembered whose maps the thread has died of, and whose modules have maps or none. */
const BUNDLES_MAX = 1000

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
  /** By hash of the bundle, those of late last: the names of modules that have maps; null: the thread has died of them. */
  readonly #mapped = new Map<string, string[] | null>()

  /** Whether there is nothing to map, as far as that is known. */
  hasNone(hash: string): boolean {
    const names = this.#mapped.get(hash)
    return names !== undefined && (names === null || names.length === 0)
  }

  async map(stack: string, mapped: Mapped): Promise<string> {
    const unmapped = boundStack(stack)
    if (this.hasNone(mapped.hash) || this.#waiting === WAITING_MAX) return unmapped
    this.#waiting++
    using _turn = await this.#turns.take()
    this.#waiting--
    return (await this.#map(unmapped, mapped).catch(() => null)) ?? unmapped
  }

  /** Null if it cannot be mapped. */
  async #map(stack: string, { hash, modules }: Mapped): Promise<string | null> {
    let loaded: readonly BundleModule[] | null = null
    let names = this.#mapped.get(hash)
    if (names === undefined) {
      loaded = await modules()
      if (!loaded) return null
      names = mapsOf(loaded).map(({ module }) => module)
      this.#remember(hash, names)
    }
    const asked = (names ?? [])
      .filter(module => stack.includes(`${module}:`))
      .map(module => ({ module, key: `${hash}/${module}`, content: null }))
    if (asked.length === 0) return null
    const tooLong = setTimeout(() => void this.#thread.kill(), MAP_MS_MAX)
    try {
      const reply = await this.#thread.call({ stack, maps: asked })
      if ('shown' in reply) return reply.shown
      loaded ??= await modules()
      if (!loaded) return null
      const contents = new Map(mapsOf(loaded).map(({ module, content }) => [module, content]))
      const maps = await Promise.all(
        asked.map(async map =>
          reply.missing.includes(map.key) ? { ...map, content: await share(contents.get(map.module)!) } : map,
        ),
      )
      return shownIn(await this.#thread.call({ stack, maps }))
    } catch (error) {
      if (error instanceof NoAnswer && error.reason === 'lost') this.#remember(hash, null)
      return null
    } finally {
      clearTimeout(tooLong)
    }
  }

  #remember(hash: string, names: string[] | null): void {
    const [oldest] = this.#mapped.keys()
    if (this.#mapped.size === BUNDLES_MAX) this.#mapped.delete(oldest!)
    this.#mapped.delete(hash)
    this.#mapped.set(hash, names)
  }

  async [Symbol.asyncDispose]() {
    await this.#thread[Symbol.asyncDispose]()
  }
}

function shownIn(reply: MapReply): string | null {
  return 'shown' in reply ? reply.shown : null
}

/** The modules that have maps, as far as these are not too large together. */
function mapsOf(modules: readonly BundleModule[]): { module: string; content: Uint8Array }[] {
  let room = MAP_BYTES_MAX
  const maps: { module: string; content: Uint8Array }[] = []
  for (const { name, type, content } of modules) {
    if (type !== 'sourcemap' || content.byteLength > room) continue
    room -= content.byteLength
    maps.push({ module: name.replace(/\.map$/, ''), content })
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
