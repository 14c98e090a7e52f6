/** The part of the API under /api/v1/routes. */
import type { FastifyInstance } from 'fastify'
import { VitrineError } from '../errors.ts'
import { normalizeHost, parseRoute } from '../routes.ts'
import type { Store } from '../store/store.ts'
import { checkAppName } from './metadata.ts'
import type { Platform } from './platform.ts'
import { optionalText, positiveInteger, text } from './query.ts'

const PAGE_MAX = 10_000

type Query = { Querystring: Record<string, string | undefined> }

export function routeApi(server: FastifyInstance, { store, platform }: { store: Store; platform: Platform }) {
  server.get<Query>('/api/v1/routes', async ({ query: { app, after, limit: asked } }) => {
    if (app !== undefined) checkAppName(app)
    const limit = positiveInteger('limit', asked, { fallback: PAGE_MAX, max: PAGE_MAX })
    const page = await store.routes({
      after: optionalText('after', after),
      limit: limit + 1,
      ...(app !== undefined && { app }),
    })
    const routes = page.slice(0, limit)
    return { routes, next: page.length > limit ? routes.at(-1)!.pattern : null }
  })

  server.post<{ Body: unknown }>('/api/v1/routes', async ({ body }) => {
    const given = (body ?? {}) as { pattern?: unknown; app?: unknown }
    const { pattern } = parseRoute(text('pattern', given.pattern, '"api.example.com/v1/*"'))
    const app = text('app', given.app, '"my-app"')
    checkAppName(app)
    await store.addRoute({ pattern, app })
    platform.changed(app, 'routes')
    return { pattern, app }
  })

  server.delete<Query>('/api/v1/routes', async ({ query }) => {
    const { pattern } = parseRoute(text('pattern', query.pattern, '?pattern=api.example.com/v1/*'))
    const route = await store.deleteRoute(pattern)
    if (!route) {
      throw new VitrineError('ROUTE_NOT_FOUND', `There is no route ${pattern}: see vitrine routes list`)
    }
    platform.changed(route.app, 'routes')
    return { deleted: true, ...route }
  })

  server.get<Query>('/api/v1/routes/lookup', async ({ query }) => {
    const given = text('url', query.url, '?url=http://api.example.com/v1/users')
    const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `http://${given}`)
    if (!url || !/^https?:$/.test(url.protocol)) {
      throw new VitrineError(
        'REQUEST_INVALID',
        `${JSON.stringify(given.slice(0, 200))} is no URL: write it like http://api.example.com/v1/users`,
      )
    }
    const found = await platform.lookup(normalizeHost(url.host), url.pathname)
    return { app: found?.app ?? null, pattern: found?.pattern ?? null }
  })
}
