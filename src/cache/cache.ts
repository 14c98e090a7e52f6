/**
 * The cache behind apps' `caches`, for the runtime processes of this machine. It lies in a thread of its own, so that
 * neither what apps put into it nor the collection of what they have put takes the event loop that serves requests.
 * The thread starts when the first runtime knocks at the door; most platforms never need it.
 */
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheChannel, cacheEvictionChannel } from '../channels.ts'
import type { Config } from '../config.ts'
import { Door, type DoorAddress } from '../door.ts'
import { NoAnswer, Thread } from '../thread.ts'
import type { CacheCall, CacheReport, CacheThreadData } from './worker.ts'

export interface ResponseCacheOptions {
  config: Pick<Config, 'cacheMb' | 'cacheAppMb' | 'cacheEntryBytesMax'>
  /** Of the thread: heads and addresses, while bodies lie outside. Default: by what the caches may hold. */
  heapMb?: number
}

/** `listen`, `report`, and one for each app that is deleted. */
const CALLS_MAX = 1000
/** Between the end of a thread that failed and the next. */
const RESTART_MS = 1000
/** Entries that are all head take a few times what they count as. */
const HEAP_MB_MIN = 64
const HEAP_PER_CACHE = 4
const YOUNG_GENERATION_MB = 8

export class ResponseCache implements AsyncDisposable {
  readonly address: DoorAddress
  readonly #door: Door
  readonly #thread: Thread<CacheCall, CacheReport | null>
  readonly #stopped = new AbortController()
  /** Settled when whoever knocked may go on; null: nobody has. */
  #opened: Promise<void> | null = null
  #bytes = 0

  private constructor(door: Door, { config, heapMb }: ResponseCacheOptions) {
    this.#door = door
    this.address = door.address
    const data: CacheThreadData = {
      path: this.address.path,
      token: this.address.token,
      bytesMax: config.cacheMb * 2 ** 20,
      appBytesMax: config.cacheAppMb * 2 ** 20,
      entryBytesMax: config.cacheEntryBytesMax,
    }
    this.#thread = new Thread({
      script: new URL('./worker.ts', import.meta.url),
      name: 'cache',
      data,
      pendingMax: CALLS_MAX,
      resourceLimits: {
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
        maxOldGenerationSizeMb: heapMb ?? HEAP_MB_MIN + HEAP_PER_CACHE * config.cacheMb,
      },
    })
    door.onKnock = () => {
      this.#opened ??= new Promise(resolve => void this.#run(resolve))
      return this.#opened
    }
  }

  /** Resolves when runtimes may knock. */
  static async open(options: ResponseCacheOptions): Promise<ResponseCache> {
    return new ResponseCache(await Door.open(), options)
  }

  /** Bytes of all that is kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Forgets all that an app has put. Resolves when nobody finds it any more. */
  async drop(app: string): Promise<void> {
    if (!this.#opened) return
    try {
      await this.#thread.callIfRunning({ op: 'drop', app })
    } catch {
      // A thread that has died has lost all that it kept; one that takes no more calls has to.
      await this.#thread.kill()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort()
    this.#door.close()
    await this.#thread[Symbol.asyncDispose]()
    await this.#door[Symbol.asyncDispose]()
  }

  /** Publishes what the thread reports. Should it die, another takes its place, which knows nothing yet. */
  async #run(opened: () => void): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        await this.#thread.call({ op: 'listen' })
        opened()
        // Of this very thread: the next one has to listen first.
        for (;;) this.#publish((await this.#thread.callIfRunning({ op: 'report' }))!)
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        this.#bytes = 0
        await sleep(RESTART_MS, undefined, { signal }).catch(() => {})
        await rm(this.address.path, { force: true })
      }
    }
    opened()
  }

  #publish({ results, evictions, bytes }: CacheReport): void {
    this.#bytes = bytes
    for (const result of results) cacheChannel.publish(result)
    for (const eviction of evictions) cacheEvictionChannel.publish(eviction)
  }
}
