/** The part of the API under /api/v1/apps. */
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'
import type { AppStats } from '../scheduler/stats.ts'
import type { AppRecord, RouteRecord, Store, VersionRecord } from '../store/store.ts'
import { appNotFound, type Deployments } from './deployments.ts'
import { checkAppName } from './metadata.ts'
import type { Platform } from './platform.ts'
import { optionalText, positiveInteger } from './query.ts'
import type { Tails } from './tail.ts'
import { receiveUpload } from './upload.ts'

export interface AppsOptions {
  config: Config
  store: Store
  platform: Platform
  deployments: Deployments
  tails: Tails
  /** The port at which apps answer. */
  appsPort: () => number
}

type Named = { Params: { name: string } }

const PAGE_DEFAULT = 100
const PAGE_MAX = 1000
const ROUTES_SHOWN_MAX = 10_000

export function appsApi(server: FastifyInstance, options: AppsOptions) {
  const { config, store, platform, deployments, tails } = options

  server.put<Named>('/api/v1/apps/:name', async request => {
    const { name } = request.params
    const { version, warnings, startupMs } = await deployments.deploy(name, () =>
      receiveUpload(request, config),
    )
    const { id, number } = version
    const urls = urlsOf(name, await routesOf(store, name), options)
    return { app: name, version: { id, number }, urls, warnings, startup_ms: startupMs }
  })

  server.get<{ Querystring: { after?: string; limit?: string } }>('/api/v1/apps', async ({ query }) => {
    const limit = positiveInteger('limit', query.limit, { fallback: PAGE_DEFAULT, max: PAGE_MAX })
    const page = await store.apps({ after: optionalText('after', query.after), limit: limit + 1 })
    const shown = page.slice(0, limit)
    const loaded = new Map(platform.stats().apps.map(app => [app.name, app]))
    const apps = await Promise.all(
      shown.map(async app => summary(app, await routesOf(store, app.name), loaded.get(app.name))),
    )
    return { apps, next: page.length > limit ? shown.at(-1)!.name : null }
  })

  server.get<Named>('/api/v1/apps/:name', async ({ params: { name } }) => {
    const app = await find(store, name)
    const routes = await routesOf(store, name)
    const stats = platform.stats()
    const loaded = stats.apps.find(candidate => candidate.name === name)
    return {
      ...summary(app, routes, loaded),
      ...detail(app.version, routes, loaded, options),
      quarantine: stats.quarantine.find(held => held.app === name) ?? null,
    }
  })

  server.post<Named>('/api/v1/apps/:name/release', async ({ params: { name } }) => {
    await find(store, name)
    return { released: platform.releaseApp(name) }
  })

  server.delete<Named>('/api/v1/apps/:name', async ({ params: { name } }) => {
    await deployments.delete(name)
    tails.end(name)
    return { deleted: true }
  })

  server.get<Named>('/api/v1/apps/:name/versions', async ({ params: { name } }) => {
    await find(store, name)
    const versions = await store.versions(name)
    return {
      versions: versions.map(({ id, number, active, createdAt, bundleBytes, message }) => ({
        id,
        number,
        active,
        createdAt,
        bundleBytes,
        ...(message !== undefined && { message }),
      })),
    }
  })

  server.post<Named & { Body: unknown }>(
    '/api/v1/apps/:name/rollback',
    async ({ params: { name }, body }) => {
      const { version: wanted } = (body ?? {}) as { version?: unknown }
      if (wanted !== undefined && typeof wanted !== 'string' && typeof wanted !== 'number') {
        throw new VitrineError(
          'REQUEST_INVALID',
          'version must be a version’s id, the beginning of one, or a number',
        )
      }
      const { version } = await deployments.rollback(name, wanted)
      return { app: name, version: { id: version.id, number: version.number, createdAt: version.createdAt } }
    },
  )

  server.get<Named>('/api/v1/apps/:name/tail', async ({ params: { name } }, reply) => {
    await find(store, name)
    tails.follow(name, reply)
    return reply
  })
}

async function find(store: Store, name: string): Promise<AppRecord> {
  checkAppName(name)
  const app = await store.app(name)
  if (!app) throw appNotFound(name)
  return app
}

async function routesOf(store: Store, app: string): Promise<RouteRecord[]> {
  return store.routes({ app, limit: ROUTES_SHOWN_MAX })
}

function summary({ name, version }: AppRecord, routes: RouteRecord[], loaded: AppStats | undefined) {
  return {
    name,
    version: { id: version.id, number: version.number, createdAt: version.createdAt },
    routes: routes.map(route => route.pattern),
    loaded: loaded !== undefined,
    readyInstances: loaded?.readyInstances ?? 0,
    startTime: loaded?.startTime ?? null,
    inFlight: loaded?.inFlight ?? 0,
    queued: loaded?.queued ?? 0,
  }
}

function detail(
  { app, config, bundleBytes }: VersionRecord,
  routes: RouteRecord[],
  loaded: AppStats | undefined,
  options: AppsOptions,
) {
  const { limits, ...shown } = config
  const { cpuMs, memoryMb } = options.config
  return {
    urls: urlsOf(app, routes, options),
    config: shown,
    limits: { cpuMs, memoryMb, ...limits },
    bundleBytes,
    instances: loaded?.instances ?? [],
  }
}

/** Where the app answers: its own name first, then its routes. */
function urlsOf(app: string, routes: RouteRecord[], { config, appsPort }: AppsOptions): string[] {
  const port = appsPort() === 80 ? '' : `:${appsPort()}`
  const patterns = [`${app}.${config.domain}/`, ...routes.map(route => route.pattern)]
  return patterns.map(pattern => {
    const slash = pattern.indexOf('/')
    return `http://${pattern.slice(0, slash)}${port}${pattern.slice(slash).replace(/\*$/, '')}`
  })
}
