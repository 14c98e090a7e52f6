/** What the proxy makes of a request's head before anybody is asked. */
import type { IncomingMessage } from 'node:http'
import { normalizeHost } from '../routes.ts'
import type { Refusal } from './exchange-host.ts'
import { readTarget, refusalOf, requestHead } from './request-head.ts'

export interface OpeningOptions {
  /** The request's target as the client sent it. */
  target: string
  requestId: string
  clientIp: string
  isUpgrade: boolean
  bodyBytesMax: number
}

export interface Opening {
  /** In lower case, without port; empty if the request says none that can be read. */
  host: string
  /** Path with query; of a request that cannot be read, its target. */
  url: string
  /** As the sandbox reads it. */
  head: string
  /** Why the request is answered without its app. */
  refusal: Refusal | null
}

export function openRequest(request: IncomingMessage, options: OpeningOptions): Opening {
  const { method = '', headers, rawHeaders } = request
  const { isUpgrade } = options
  const refused = (refusal: Refusal): Opening => ({ host: '', url: options.target, head: '', refusal })
  const refusal = refusalOf(request, isUpgrade)
  if (refusal) return refused({ ...refusal, rejection: 'malformed' })
  const target = readTarget(options.target, headers.host)
  if (typeof target === 'string') return refused({ rejection: 'malformed', message: target })
  const { connection } = headers
  const { requestId, clientIp } = options
  const head = requestHead({ ...target, method, requestId, rawHeaders, connection, clientIp, isUpgrade })
  let why: Refusal | null = null
  if (head === null) why = { rejection: 'malformed', message: 'The request names its host more than once.' }
  else if (Number(headers['content-length'] ?? 0) > options.bodyBytesMax)
    why = { rejection: 'body_too_large' }
  return { host: normalizeHost(target.hostHeader), url: target.url, head: head ?? '', refusal: why }
}
