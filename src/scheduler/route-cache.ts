/**
 * Which app answers a host and path, remembered by host: the list of route patterns that can match it. Paths are
 * matched against that list on each request, so random paths fill nothing.
 *
 * Hosts that are named by a route or an app, hosts that only a wildcard covers, and hosts that nothing answers
 * are kept apart, each bounded: a flood of random hosts of one kind evicts none of another.
 */
import { LRUCache } from 'lru-cache'
import { hostPatternOf, matchRoute } from '../routes.ts'
import type { RouteRecord, Store } from '../store/store.ts'

export interface RouteCacheOptions {
  store: Pick<Store, 'app' | 'routesFor'>
  /** App NAME answers at NAME.<domain> where no route matches. */
  domain: string
  /** Routes remembered of each kind of host. */
  max: number
  /** How long an unknown host is remembered as unknown. */
  negativeMs: number
}

/** What is known of a host, and as of which epoch. */
interface HostRoutes {
  epoch: number
  candidates: RouteRecord[]
  /** The app that answers where no route matches, or null. */
  fallback: RouteRecord | null
}

/** Reads repeated because the state changed during them, before what was read is used all the same. */
const READS_MAX = 5

export class RouteCache {
  readonly #options: RouteCacheOptions
  readonly #suffix: string
  readonly #named: LRUCache<string, HostRoutes>
  readonly #wild: LRUCache<string, HostRoutes>
  readonly #unknown: LRUCache<string, HostRoutes>
  readonly #pending = new Map<string, Promise<HostRoutes>>()
  #epoch = 0
  /** Look-ups since start. `negative`: answered by a remembered unknown host. */
  readonly counts = { hit: 0, miss: 0, negative: 0 }

  constructor(options: RouteCacheOptions) {
    this.#options = options
    this.#suffix = `.${options.domain.toLowerCase()}`
    const { max } = options
    const size = (routes: HostRoutes) => Math.min(max, 1 + routes.candidates.length)
    this.#named = new LRUCache({ maxSize: max, sizeCalculation: size })
    this.#wild = new LRUCache({ maxSize: max, sizeCalculation: size })
    this.#unknown = new LRUCache({ max, ttl: options.negativeMs })
  }

  /** The route that matches, null if none does, undefined if the host must be looked up first. */
  peek(host: string, path: string): RouteRecord | null | undefined {
    const known = this.#remembered(host)
    if (known && known.epoch === this.#epoch) {
      this.counts.hit++
      return match(known, host, path)
    }
    if (this.#unknown.get(host)) {
      this.counts.negative++
      return null
    }
    this.counts.miss++
    return undefined
  }

  /**
   * As `peek`, reading the store if need be, once for all who ask. If the store does not answer, what was known
   * before the last change still holds; rejects if that is nothing.
   */
  async find(host: string, path: string): Promise<RouteRecord | null> {
    const known = this.#remembered(host) ?? this.#unknown.get(host)
    if (known && known.epoch === this.#epoch) return match(known, host, path)
    const routes = await this.#read(host).catch(error => this.#remembered(host) ?? Promise.reject(error))
    return match(routes, host, path)
  }

  /** Routes or apps have changed: every host is looked up anew. */
  clear(): void {
    this.#epoch++
    this.#unknown.clear()
  }

  #remembered(host: string): HostRoutes | undefined {
    return this.#named.get(host) ?? this.#wild.get(host)
  }

  #read(host: string): Promise<HostRoutes> {
    let pending = this.#pending.get(host)
    if (!pending) {
      pending = this.#load(host).finally(() => this.#pending.delete(host))
      this.#pending.set(host, pending)
    }
    return pending
  }

  async #load(host: string): Promise<HostRoutes> {
    for (let reads = 1; ; reads++) {
      const epoch = this.#epoch
      const label = this.#labelOf(host)
      const [candidates, app] = await Promise.all([
        this.#options.store.routesFor(host),
        label === null ? null : this.#options.store.app(label),
      ])
      const fallback = app ? { app: app.name, pattern: `${host}/*` } : null
      if (epoch !== this.#epoch && reads < READS_MAX) continue
      const routes = { epoch, candidates, fallback }
      this.#named.delete(host)
      this.#wild.delete(host)
      this.#shelf(host, routes).set(host, routes)
      return routes
    }
  }

  #shelf(host: string, { candidates, fallback }: HostRoutes): LRUCache<string, HostRoutes> {
    if (fallback || candidates.some(route => hostPatternOf(route.pattern) === host)) return this.#named
    return candidates.length > 0 ? this.#wild : this.#unknown
  }

  /** `hello` for `hello.<domain>`, null for hosts that are no such name. */
  #labelOf(host: string): string | null {
    if (!host.endsWith(this.#suffix)) return null
    const label = host.slice(0, -this.#suffix.length)
    return label !== '' && !label.includes('.') ? label : null
  }
}

function match({ candidates, fallback }: HostRoutes, host: string, path: string): RouteRecord | null {
  return (candidates.length > 0 ? matchRoute(candidates, host, path) : null) ?? fallback
}
