/**
 * Changes of apps: deploy, roll back, delete.
 *
 * A deploy is tried in a real runtime before it is stored; one that does not start leaves the running version
 * as it is. When a promise resolves, the change is durable and the next request sees it. Changes of one app
 * happen one after the other, those of different apps at once.
 */
import type { AppConfig } from '../app-config.ts'
import { decodeBundle, hashInSteps, type ModuleType, packBundle } from '../bundle.ts'
import { type DeployEvent, type DeployResult, deployChannel } from '../channels.ts'
import type { Config } from '../config.ts'
import { type ErrorCode, VitrineError } from '../errors.ts'
import type { StartResult } from '../runtime/messages.ts'
import { printable } from '../source-map.ts'
import type { StackMapper } from '../stack-mapper.ts'
import type { Store, VersionRecord } from '../store/store.ts'
import { Slots, Turns } from '../turns.ts'
import { checkAppName, type Described, describe } from './metadata.ts'
import type { Platform } from './platform.ts'
import type { ReceivedUpload } from './upload.ts'

export interface DeploymentsOptions {
  config: Pick<
    Config,
    'cpuMsMax' | 'memoryMbMax' | 'bundleModulesMax' | 'startupCpuMs' | 'memoryMb' | 'deploysAtOnce'
  >
  store: Store
  platform: Pick<Platform, 'verify' | 'changed'>
  stacks: StackMapper
  /** An app is gone. Resolves when what was its own is gone with it: its name may be another's next. */
  onDeleted?: (app: string) => void | Promise<void>
}

export interface Deployed {
  version: VersionRecord
  /** False if the app already was what it would have become. */
  created: boolean
  warnings: string[]
  /** Creating the isolate, compiling and evaluating in the trial; 0 if nothing had to be tried. */
  startupMs: number
}

const MESSAGE_LENGTH_MAX = 2000
const ROUTES_COMPARED_MAX = 10_000
/** Shorter ones would be taken for numbers, and the other way round. */
const ID_PREFIX_MIN = 4

export class Deployments {
  readonly #options: DeploymentsOptions
  readonly #slots: Slots
  readonly #turns = new Turns()

  constructor(options: DeploymentsOptions) {
    this.#options = options
    this.#slots = new Slots(options.config.deploysAtOnce)
  }

  /**
   * Deploys what `receive` brings, which is called once there is room for it in memory. With `unlessSame`, an
   * app that already is what it would become gets no new version.
   */
  deploy(
    app: string,
    receive: () => Promise<ReceivedUpload>,
    { unlessSame = false }: { unlessSame?: boolean } = {},
  ): Promise<Deployed> {
    return this.#told('deploy', app, async () => {
      checkAppName(app)
      using _slot = await this.#slots.take()
      const upload = await receive()
      const described = describe(upload.metadata, upload.modules, this.#options.config)
      // Source maps are last: who runs the bundle needs none.
      const rank = ({ name, type }: { name: string; type: ModuleType }) =>
        type === 'sourcemap' ? 2 : name === described.config.main ? 0 : 1
      const bundle = await packBundle(upload.modules.toSorted((a, b) => rank(a) - rank(b)))
      using _turn = await this.#turns.take(app)
      const same = unlessSame ? await this.#unchanged(app, described, bundle) : null
      if (same) return { version: same, created: false, warnings: described.warnings, startupMs: 0 }
      // Awaited here: the turn ends with this function.
      return await this.#tryAndStore(app, described, bundle)
    })
  }

  async #tryAndStore(
    app: string,
    { config, routes, message, warnings }: Described,
    bundle: Buffer,
  ): Promise<Deployed> {
    const { store, platform } = this.#options
    const trial = await platform.verify(app, config, bundle)
    if (trial.outcome !== 'ok') throw await this.#startupError(app, config, trial, bundle)
    if (trial.handlers.length === 0) throw new VitrineError('STARTUP_FAILED', noHandler(app, config.syntax))
    if (!trial.handlers.includes('fetch')) {
      warnings.push(
        `the app has no fetch handler, only ${printable(trial.handlers.join(', ').slice(0, 200))}: requests to it will fail`,
      )
    }
    const version = await store.deploy({
      app,
      config,
      bundle,
      routes,
      ...(message !== undefined && { message }),
    })
    platform.changed(app, 'redeployed')
    if (routes.length > 0) platform.changed(app, 'routes')
    const { isolate, compile, evaluate } = trial.phasesMs
    return { version, created: true, warnings, startupMs: isolate + compile + evaluate }
  }

  /** The active version, if it has this very bundle and configuration, and the app these routes. */
  async #unchanged(
    app: string,
    { config, routes }: Described,
    bundle: Buffer,
  ): Promise<VersionRecord | null> {
    const record = await this.#options.store.app(app)
    if (record?.version.bundleHash !== (await hashInSteps(bundle))) return null
    if (JSON.stringify(record.version.config) !== JSON.stringify(config)) return null
    const known = await this.#options.store.routes({ app, limit: ROUTES_COMPARED_MAX })
    const existing = new Set(known.map(route => route.pattern))
    return routes.every(pattern => existing.has(pattern)) ? record.version : null
  }

  /**
   * Makes an older version active: by id, unique beginning of an id, or number; without one, the version before
   * the active one.
   */
  rollback(app: string, wanted?: string | number): Promise<{ version: VersionRecord }> {
    return this.#told('rollback', app, async () => {
      checkAppName(app)
      using _turn = await this.#turns.take(app)
      const target = findVersion(app, await this.#options.store.versions(app), wanted)
      const version = await this.#options.store.activate(app, target.id)
      this.#options.platform.changed(app, 'redeployed')
      return { version }
    })
  }

  /** Rejects with `APP_NOT_FOUND`. */
  async delete(app: string): Promise<void> {
    await this.#told('delete', app, async () => {
      checkAppName(app)
      using _turn = await this.#turns.take(app)
      if (!(await this.#options.store.deleteApp(app))) throw appNotFound(app)
      this.#options.platform.changed(app, 'deleted')
      await this.#options.onDeleted?.(app)
      return { version: null }
    })
  }

  async #startupError(
    app: string,
    { limits }: AppConfig,
    trial: Exclude<StartResult, { outcome: 'ok' }>,
    bundle: Buffer,
  ): Promise<VitrineError> {
    const { stacks, config } = this.#options
    const mapped = { hash: await hashInSteps(bundle), modules: async () => decodeBundle(bundle) }
    const message = await stacks.map(trial.message.slice(0, MESSAGE_LENGTH_MAX), mapped)
    const detail = trial.stack === undefined ? {} : { detail: await stacks.map(trial.stack, mapped) }
    switch (trial.outcome) {
      case 'startupError':
        return new VitrineError('STARTUP_FAILED', `App "${app}" does not start: ${message}`, detail)
      case 'exceededCpu':
        return new VitrineError(
          'STARTUP_FAILED',
          `App "${app}" does not start within ${config.startupCpuMs} ms of CPU time: do less outside of its handlers, or raise --startup-cpu-ms`,
          detail,
        )
      case 'exceededMemory':
        return new VitrineError(
          'STARTUP_FAILED',
          `App "${app}" needs more than its ${limits.memoryMb ?? config.memoryMb} MB of memory to start: load less, or raise limits.memory_mb`,
          detail,
        )
      case 'internalError':
        return new VitrineError(
          'RUNTIME_UNAVAILABLE',
          `App "${app}" could not be tried (${printable(message)}): nothing was changed; deploy it again`,
        )
    }
  }

  async #told<T extends { version: VersionRecord | null }>(
    action: DeployEvent['action'],
    app: string,
    change: () => Promise<T>,
  ): Promise<T> {
    const start = performance.now()
    let result: DeployResult = 'ok'
    let version = ''
    try {
      const changed = await change()
      version = changed.version?.id ?? ''
      return changed
    } catch (error) {
      result = resultOf(error)
      throw error
    } finally {
      deployChannel.publish({ app, action, version, result, durationMs: performance.now() - start })
    }
  }
}

function findVersion(app: string, versions: VersionRecord[], wanted?: string | number): VersionRecord {
  if (versions.length === 0) throw appNotFound(app)
  const fail = (problem: string): never => {
    throw new VitrineError('VERSION_NOT_FOUND', `App "${app}" has ${problem}: see vitrine versions ${app}`)
  }
  if (wanted === undefined) {
    const active = versions.find(version => version.active)!
    return (
      versions.find(version => version.number < active.number) ?? fail(`no version before ${active.number}`)
    )
  }
  const byNumber = versions.find(version => String(version.number) === String(wanted))
  if (byNumber) return byNumber
  const prefix = String(wanted).toLowerCase()
  const isPrefix = typeof wanted === 'string' && prefix.length >= ID_PREFIX_MIN
  const byId = isPrefix ? versions.filter(version => version.id.startsWith(prefix)) : []
  if (byId.length > 1) fail(`several versions whose ids begin with ${prefix}`)
  return byId[0] ?? fail(`no version ${JSON.stringify(String(wanted).slice(0, 64))}`)
}

export function appNotFound(app: string): VitrineError {
  return new VitrineError('APP_NOT_FOUND', `There is no app "${app}": see vitrine apps, or deploy it first`)
}

function noHandler(app: string, syntax: 'module' | 'service-worker'): string {
  const example =
    syntax === 'module'
      ? 'export default { fetch(request, env, ctx) { … } }'
      : "addEventListener('fetch', event => event.respondWith(…))"
  return `App "${app}" handles nothing: add ${example}`
}

const RESULTS: Partial<Record<ErrorCode, DeployResult>> = {
  STARTUP_FAILED: 'startup_failed',
  STORE_UNAVAILABLE: 'unavailable',
  RUNTIME_UNAVAILABLE: 'unavailable',
}

function resultOf(error: unknown): DeployResult {
  if (!(error instanceof VitrineError)) return 'error'
  return RESULTS[error.code] ?? (error.status < 500 ? 'invalid' : 'error')
}
