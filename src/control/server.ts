/**
 * The control API and the built-in dashboard, as a Fastify server that does not listen yet. docs/control-api.md
 * is its description; the command line is a client of it, and needs nothing else.
 */
import multipart from '@fastify/multipart'
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { appsApi } from './apps.ts'
import { createGuard } from './auth.ts'
import { dashboard, PAGE } from './dashboard.ts'
import type { Deployments } from './deployments.ts'
import type { Platform } from './platform.ts'
import { routeApi } from './route-api.ts'
import { statusApi } from './status.ts'
import { Tails } from './tail.ts'

export interface ControlOptions {
  config: Config
  store: Store
  platform: Platform
  deployments: Deployments
  /** The port at which apps answer, for the URLs that are shown. */
  appsPort: () => number
  log?: { error(fields: object, message: string): void }
}

const JSON_BYTES_MAX = 65_536
/** A bundle over a slow line takes its time. */
const REQUEST_MS_MAX = 300_000
const RETRY_AFTER_SECONDS = 1

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
}

/** Closing the server ends followed logs and lets other requests finish. */
export async function createControl(options: ControlOptions): Promise<FastifyInstance> {
  const { config, log } = options
  const guard = createGuard(config)
  const tails = new Tails({ config })
  const answerError = (error: FastifyError | VitrineError, reply: FastifyReply) => {
    const { code, status, message, detail } = answerable(error)
    if (code === 'INTERNAL') log?.error({ err: error }, 'the control API failed')
    if (status === 401) reply.header('www-authenticate', 'Bearer')
    if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
    reply.code(status).send({ error: { code, message, ...(detail !== undefined && { detail }) } })
  }
  const server = fastify({
    bodyLimit: JSON_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
    forceCloseConnections: 'idle',
    // What Fastify refuses before any route is chosen, such as a path that cannot be decoded.
    frameworkErrors: (error, _request, reply) => answerError(error, reply),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
  })
  server.server.maxConnections = config.controlConnectionsMax
  server.removeContentTypeParser('text/plain')
  await server.register(multipart, { throwFileSizeLimit: false })

  server.addHook('onRequest', async (request, reply) => {
    reply.headers(HEADERS)
    const { method, headers, routeOptions } = request
    guard({ method, headers, isPage: routeOptions.url === PAGE })
  })
  server.addHook('preClose', async () => tails[Symbol.dispose]())
  server.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error: {
        code: 'REQUEST_INVALID',
        message: `The control API has no ${request.method} ${request.url.split('?', 1)[0]!.slice(0, 200)}: see docs/control-api.md`,
      },
    }),
  )
  server.setErrorHandler((error, _request, reply) => answerError(error as FastifyError | VitrineError, reply))

  appsApi(server, { ...options, tails })
  routeApi(server, options)
  statusApi(server, options)
  dashboard(server)
  return server
}

function answerable(error: FastifyError | VitrineError): VitrineError {
  if (error instanceof VitrineError) return error
  // Fastify's own refusals: malformed JSON, a body that is too long, an unknown content type.
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new VitrineError('REQUEST_INVALID', `The request cannot be read: ${error.message}`)
  }
  return new VitrineError('INTERNAL', 'Vitrine failed on this request: its log says why', { cause: error })
}
