/** GET /api/v1/status: the platform as a whole. */
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import type { Store } from '../store/store.ts'
import type { Platform } from './platform.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

export function statusApi(
  server: FastifyInstance,
  { store, platform }: { store: Store; platform: Platform },
) {
  const startedAt = Math.round(performance.timeOrigin)
  server.get('/api/v1/status', async () => {
    const { apps, runtimes, inFlight, queued } = platform.stats()
    return {
      version,
      node: process.versions.node,
      startedAt,
      apps: { deployed: await store.appCount(), loaded: apps.length },
      inFlight,
      queued,
      runtimes,
    }
  })
}
