/**
 * The composition root: the one module that knows every part. Nothing imports it but the command line and tests.
 *
 * What starts here stops in the reverse order: first no new requests, then the ones in flight finish, then runtimes,
 * metrics, store and log.
 */
import type { AddressInfo } from 'node:net'
import { type DirectoryResult, deployDirectory, watchDirectory } from './build/apps-directory.ts'
import type { Upload } from './build/upload.ts'
import { ResponseCache } from './cache/cache.ts'
import type { Address, Config } from './config.ts'
import { Deployments } from './control/deployments.ts'
import { createControl } from './control/server.ts'
import { VitrineError } from './errors.ts'
import { createLogger, type LogOptions } from './logs/logs.ts'
import { startMetrics } from './metrics/metrics.ts'
import { createProxy } from './proxy/server.ts'
import { parseEgressAllow } from './runtime/egress.ts'
import { loadPrelude } from './runtime/prelude.ts'
import { appsNice } from './scheduler/niceness.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import { Supervisor } from './scheduler/supervisor.ts'
import { StackMapper } from './stack-mapper.ts'
import { openStore } from './store/open.ts'
import { TlsRelay } from './tls/relay.ts'

export interface RunningPlatform extends AsyncDisposable {
  /** Where apps answer; an app's own host is a label below this one. */
  appsUrl: string
  controlUrl: string
  metricsUrl: string
  /** Apps of `--apps`, as they stand. */
  deployed: { name: string; url: string }[]
}

export interface PlatformOptions {
  log?: LogOptions
}

/** Starts everything that a config asks for. Rejects, with nothing left running, if a part cannot start. */
export async function startPlatform(config: Config, options: PlatformOptions = {}): Promise<RunningPlatform> {
  await using stack = new AsyncDisposableStack()
  const log = stack.use(createLogger(config, options.log))
  const { logger } = log
  parseEgressAllow(config.egressAllow)
  const store = stack.use(await openStore(config.store))
  // Bundled once here, so that the runtime processes find it.
  await loadPrelude()
  const cache = config.cacheMb > 0 ? stack.use(await ResponseCache.open({ config })) : null
  const onEnded = (detail: string) =>
    logger.warn({ detail }, 'the process for TLS has ended: another takes its place')
  const tls = stack.use(await TlsRelay.open({ nice: appsNice(config.backgroundNice), onEnded }))
  const supervisor = new Supervisor({
    config,
    ...(cache && { cache: cache.address }),
    tls: tls.address,
    otherBytes: () => tls.stats.rssBytes,
    onLine: (line, stream, runtime) => logger.warn({ runtime, stream, line }, 'a runtime process wrote'),
    onStartFailed: ({ message: detail }, runtime) =>
      logger.warn({ runtime, detail }, 'a runtime process does not start'),
  })
  const stacks = stack.use(new StackMapper())
  const scheduler = stack.use(new Scheduler({ config, store, supervisor, stacks }))
  const proxy = createProxy({ config, scheduler })
  const deployments = new Deployments({
    config,
    store,
    platform: scheduler,
    stacks,
    onDeleted: app => cache?.drop(app),
  })
  let appsPort = config.listen.port
  const control = await createControl({
    config,
    store,
    platform: scheduler,
    deployments,
    appsPort: () => appsPort,
    log: logger,
  })
  await scheduler.start()

  let ready = false
  const metrics = stack.use(
    await startMetrics({
      config,
      stats: () => scheduler.stats(),
      connections: () => proxy.stats(),
      appsDeployed: () => store.appCount(),
      cacheBytes: () => cache?.bytes ?? 0,
      tls: () => tls.stats,
      ready: () => readiness(ready, proxy.stopping, scheduler),
    }),
  )
  stack.defer(() => control.close())
  stack.defer(async () => {
    await Promise.all([proxy.stop(), scheduler.drain(config.stopGraceMs)])
  })
  const controlPort = await listenControl(control, config.control)
  const bound = await proxy.listen()
  appsPort = bound.port

  const appUrl = (name: string) => `http://${name}.${config.domain}:${appsPort}/`
  const deployed: RunningPlatform['deployed'] = []
  if (config.apps !== '') {
    const directory = {
      bundleBytesMax: config.bundleBytesMax,
      deploy: (upload: Upload) => deployUpload(deployments, upload),
      report: (result: DirectoryResult) =>
        report(result, logger, name => deployed.push({ name, url: appUrl(name) })),
    }
    await deployDirectory(config.apps, directory)
    if (config.watch)
      stack.use(watchDirectory(config.apps, { ...directory, report: result => report(result, logger) }))
  }
  ready = true
  deployed.sort((a, b) => (a.name < b.name ? -1 : 1))
  const running = stack.move()
  return {
    appsUrl: `http://${config.domain}:${appsPort}/`,
    controlUrl: `http://${shownHost(config.control.host)}:${controlPort}/`,
    metricsUrl: metrics.url,
    deployed,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function readiness(ready: boolean, stopping: boolean, scheduler: Scheduler): { ok: boolean; reason: string } {
  if (stopping) return { ok: false, reason: 'stopping' }
  if (!ready) return { ok: false, reason: 'starting' }
  if (!scheduler.stats().runtimes.some(runtime => runtime.up))
    return { ok: false, reason: 'no runtime is up' }
  return { ok: true, reason: '' }
}

async function deployUpload(deployments: Deployments, upload: Upload): Promise<'deployed' | 'unchanged'> {
  const { name, metadata, modules } = upload
  const received = {
    metadata,
    modules: modules.map(module => ({ name: module.name, type: module.type, pieces: [module.content] })),
  }
  const { created } = await deployments.deploy(name, async () => received, { unlessSame: true })
  return created ? 'deployed' : 'unchanged'
}

type Logger = ReturnType<typeof createLogger>['logger']

function report(result: DirectoryResult, logger: Logger, deployed: (name: string) => void = () => {}): void {
  for (const warning of result.warnings) logger.warn({ entry: result.entry }, warning)
  if (result.status !== 'failed') return deployed(result.name)
  const { code, message, detail } = result.error
  logger.error({ entry: result.entry, code, detail }, message)
}

type Control = Awaited<ReturnType<typeof createControl>>

async function listenControl(control: Control, { host, port }: Address): Promise<number> {
  try {
    await control.listen({ host, port })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${code ?? message})`
    throw new VitrineError(
      'LISTEN_FAILED',
      `Port ${port} on ${host} ${why}: stop what listens there, or choose another with --control`,
      { cause },
    )
  }
  return (control.server.address() as AddressInfo).port
}

/** A host to click on. */
function shownHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
