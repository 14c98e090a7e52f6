/**
 * Metrics, from outside: subscribes to what the platform publishes and serves it on :9898. The data path knows
 * nothing of it, and without this directory only main.ts would miss something.
 *
 *     channels → recorder (adds) ─▶ board: shared memory ◀─ server, in its thread: prom-client, :9898
 *     stats()  → gauges (at a scrape) ─▶ ┘
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { compileCacheEnv } from '../compile-cache.ts'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'
import type { SchedulerStats } from '../scheduler/stats.ts'
import { AppRows } from './apps.ts'
import { Board } from './board.ts'
import { type ConnectionStats, Gauges, type PlatformLimits, type TlsStats } from './gauges.ts'
import { record } from './recorder.ts'
import type { FromServer, ServerData, ToServer } from './server.ts'

const HEARTBEAT_MS = 250
const RANK_MS = 60_000
/** How exact the event loop's lag is. */
const LAG_RESOLUTION_MS = 20
/** Between the end of a metrics thread that failed and the next. */
const RESTART_MS = 1000

/** Heap of the metrics thread: enough for 1000 apps several times over, and no more garbage than that. */
const RESOURCES = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 }

export interface MetricsOptions {
  config: Pick<Config, 'metrics' | 'metricsMaxApps'> & PlatformLimits
  /** What the scheduler holds now; called at each scrape. */
  stats: () => SchedulerStats
  /** Of the proxy; called at each scrape. */
  connections: () => ConnectionStats
  /** How many apps the store has; called at each scrape. The last answer stands where it fails or takes long. */
  appsDeployed: () => number | Promise<number>
  /** Bytes that apps keep in their caches; called at each scrape. */
  cacheBytes: () => number
  /** Of the relay for TLS; called at each scrape. */
  tls: () => TlsStats
  /** Whether a request would be served now, and if not, why: what `/readyz` says. Called four times a second. */
  ready: () => { ok: boolean; reason: string }
}

export interface Metrics extends AsyncDisposable {
  readonly url: string
  readonly port: number
}

/** Starts counting and serving. Rejects with `LISTEN_FAILED` if the port cannot be had. */
export async function startMetrics(options: MetricsOptions): Promise<Metrics> {
  const service = new MetricsService(options)
  await service.start()
  return service
}

class MetricsService implements Metrics {
  readonly #options: MetricsOptions
  readonly #board: Board
  readonly #apps: AppRows
  readonly #gauges: Gauges
  readonly #lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  readonly #ending: (() => void)[] = []
  #worker: Worker | undefined
  #restart: NodeJS.Timeout | undefined
  #stopping = false
  #countingApps = false
  #port: number

  constructor(options: MetricsOptions) {
    const { config } = options
    this.#options = options
    this.#port = config.metrics.port
    this.#board = new Board(Board.allocate(AppRows.rowsFor(config.metricsMaxApps)))
    this.#apps = new AppRows(this.#board, config.metricsMaxApps)
    this.#gauges = new Gauges(this.#board, this.#apps, config)
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    const { host } = this.#options.config.metrics
    const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
    return `http://${name}:${this.#port}/metrics`
  }

  async start(): Promise<void> {
    this.#ending.push(record(this.#board, this.#apps))
    this.#every(HEARTBEAT_MS, () => this.#beat())
    this.#every(RANK_MS, () => this.#apps.rank())
    this.#lag.enable()
    this.#ending.push(() => this.#lag.disable())
    this.#beat()
    try {
      await this.#launch()
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  #every(ms: number, run: () => void): void {
    const timer = setInterval(run, ms)
    timer.unref()
    this.#ending.push(() => clearInterval(timer))
  }

  #beat(): void {
    this.#board.beat(this.#options.ready())
  }

  /** Starts the metrics thread; resolves when it listens. */
  async #launch(): Promise<void> {
    const { host } = this.#options.config.metrics
    const data: ServerData = { memory: this.#board.memory, address: { host, port: this.#port } }
    const worker = new Worker(new URL('./server.ts', import.meta.url), {
      workerData: data,
      name: 'metrics',
      resourceLimits: RESOURCES,
      env: compileCacheEnv(),
    })
    this.#worker = worker
    const started = Promise.withResolvers<void>()
    worker.on('message', (message: FromServer) => {
      if (message.type === 'refresh') void this.#refresh(worker)
      else if (message.type === 'listening') {
        this.#port = message.port
        started.resolve()
      } else started.reject(listenFailed(`${host}:${this.#port}`, message))
    })
    worker.on('error', error => started.reject(error))
    worker.on('exit', () => this.#replace(worker))
    await started.promise
  }

  /** The thread has ended by itself, for lack of memory, say. The counts are in the board: another goes on. */
  #replace(ended: Worker): void {
    if (this.#stopping || this.#worker !== ended) return
    this.#restart = setTimeout(() => {
      this.#launch().catch(() => this.#worker?.terminate())
    }, RESTART_MS)
  }

  async #refresh(worker: Worker): Promise<void> {
    const lagMs = this.#lag.max / 1e6 - LAG_RESOLUTION_MS
    this.#lag.reset()
    this.#gauges.write(this.#options.stats(), Math.max(0, lagMs) / 1000)
    this.#gauges.writeConnections(this.#options.connections())
    this.#gauges.setPlatform('vitrine_cache_bytes', this.#options.cacheBytes())
    this.#gauges.writeTls(this.#options.tls())
    await this.#countApps()
    worker.postMessage('refreshed' satisfies ToServer)
  }

  /** One question at a time: a store that hangs must not be asked again at each scrape. */
  async #countApps(): Promise<void> {
    if (this.#countingApps) return
    this.#countingApps = true
    try {
      this.#gauges.setPlatform('vitrine_apps_deployed', await this.#options.appsDeployed())
    } catch {
      // The store cannot say: the last count stands, and readiness tells of the store.
    } finally {
      this.#countingApps = false
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    for (const end of this.#ending) end()
    clearTimeout(this.#restart)
    await this.#worker?.terminate()
  }
}

function listenFailed(address: string, { code, message }: { code: string | undefined; message: string }) {
  const reason = code === 'EADDRINUSE' ? 'something else listens there' : message
  return new VitrineError(
    'LISTEN_FAILED',
    `Cannot serve metrics on ${address}: ${reason}; stop it, or choose another address with --metrics`,
  )
}
