/**
 * Who may use the control API.
 *
 * With a token: who has it. Without one the API is bound to loopback, where any web page in a browser could
 * still reach it: so requests must name this machine, not a domain that someone points at it, and must not come
 * from a page of another origin, apps of this platform included. No CORS header is ever sent.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { normalizeHost } from '../routes.ts'

export interface Incoming {
  method: string
  headers: IncomingHttpHeaders
  /** Whether the router has chosen the page, which holds no data; what it chose counts, not how a URL looks. */
  isPage: boolean
}

/** Makes the check that each request passes before anything else; it throws what is to be answered. */
export function createGuard(config: Pick<Config, 'token' | 'control'>): (request: Incoming) => void {
  const wanted = config.token === '' ? null : digest(config.token)
  const ownNames = new Set(['localhost', normalizeHost(config.control.host)])

  return ({ method, headers, isPage }) => {
    if (wanted === null) refuseRebinding(headers, ownNames)
    // The page may be opened from anywhere; what it then asks comes from itself.
    if (!isPage) refuseCrossSite(headers)
    if (!isPage && wanted !== null) refuseStranger(headers, wanted)
    // What a form can send without asking first is no JSON.
    if (method === 'POST' && !/^application\/json\s*(?:;|$)/i.test(headers['content-type'] ?? '')) {
      throw new VitrineError('REQUEST_INVALID', 'Send a JSON body with content-type: application/json')
    }
  }
}

function refuseRebinding({ host = '' }: IncomingHttpHeaders, ownNames: ReadonlySet<string>) {
  const name = normalizeHost(host)
  const address = name.startsWith('[') ? name.slice(1, -1) : name
  if (isIP(address) !== 0 || ownNames.has(name)) return
  throw new VitrineError(
    'CROSS_SITE',
    `The control API does not answer as ${JSON.stringify(host.slice(0, 100))}: call it by IP address or as localhost, or set --token`,
  )
}

function refuseCrossSite(headers: IncomingHttpHeaders) {
  const site = headers['sec-fetch-site']
  const foreign =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (headers.origin !== undefined && URL.parse(headers.origin)?.host !== headers.host?.toLowerCase())
  if (foreign) {
    throw new VitrineError(
      'CROSS_SITE',
      'A page of another site may not use the control API: open its own page',
    )
  }
}

function refuseStranger({ authorization = '' }: IncomingHttpHeaders, wanted: Buffer) {
  const given = /^Bearer +(.+)$/i.exec(authorization)?.[1]
  // Digests are of one length, and tell a stopwatch nothing about the token.
  if (given !== undefined && timingSafeEqual(digest(given), wanted)) return
  throw new VitrineError(
    'UNAUTHORIZED',
    given === undefined
      ? 'The control API needs its token: set VITRINE_TOKEN, or send authorization: Bearer TOKEN'
      : 'The token is wrong: set VITRINE_TOKEN to the platform’s --token',
  )
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
