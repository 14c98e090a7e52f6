/**
 * What of a subrequest's head may leave, and what becomes of it at a redirect. Everything here comes from an
 * isolate or an upstream and is taken to be forged. Pure.
 */
import { parseTarget } from './egress.ts'
import type { HopRequest } from './hop.ts'
import type { Subrequest } from './subrequest.ts'
import { SubrequestError } from './subrequest-error.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Control characters would end the header; the others cannot be sent. */
const BAD_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/** Said by the platform itself, or meant for one connection only. Proxies' own (`proxy-…`) go too. */
const STRIPPED = new Set([
  'connection',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** What a response says about its connection. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** https://fetch.spec.whatwg.org/#request-body-header-name */
const OF_THE_BODY = new Set([
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-type',
])
/** What must not be told to another origin than the app chose. */
const SECRETS = new Set(['authorization', 'cookie'])

const FORBIDDEN_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK'])
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Throws a `SubrequestError` on whatever must not be sent. */
export function checkedHop(
  request: Pick<Subrequest, 'method' | 'url' | 'headers' | 'body'>,
  headerBytesMax: number,
): HopRequest {
  const { method, body } = request
  const url = parseTarget(request.url)
  if (!TOKEN.test(method) || FORBIDDEN_METHODS.has(method.toUpperCase())) {
    throw new SubrequestError('the method is not allowed')
  }
  if (body !== null && (method === 'GET' || method === 'HEAD')) {
    throw new SubrequestError(`a ${method} request must not have a body`)
  }
  if (body !== null && !Buffer.isBuffer(body) && typeof body[Symbol.asyncIterator] !== 'function') {
    throw new SubrequestError('the body has an invalid type')
  }
  const headers = checkedHeaders(request.headers, body)
  let bytes = url.href.length
  for (const text of headers) bytes += text.length
  if (bytes > headerBytesMax) throw new SubrequestError(`the headers are longer than ${headerBytesMax} bytes`)
  return { method, url, headers, body }
}

function checkedHeaders(headers: string[], body: Subrequest['body']): string[] {
  if (!Array.isArray(headers)) throw new SubrequestError('the headers are no list')
  const kept: string[] = []
  const streamed = body !== null && !Buffer.isBuffer(body)
  const seen = { 'accept-encoding': false, 'content-length': false, range: false }
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]
    const value = headers[at + 1]
    if (typeof name !== 'string' || !TOKEN.test(name))
      throw new SubrequestError('a header has an invalid name')
    if (typeof value !== 'string' || BAD_VALUE.test(value)) {
      throw new SubrequestError(`the header ${name} has an invalid value`)
    }
    const key = name.toLowerCase()
    if (STRIPPED.has(key) || key.startsWith('proxy-')) continue
    if (key === 'content-length') {
      // Only a stream's length is the app's to say; undici holds the stream to it.
      if (!streamed || seen[key]) continue
      if (!/^\d{1,15}$/.test(value))
        throw new SubrequestError('the header content-length has an invalid value')
    }
    if (Object.hasOwn(seen, key)) seen[key as keyof typeof seen] = true
    kept.push(key, value)
  }
  // A part of an encoded body cannot be decoded. Otherwise gzip alone: the others' windows are dear (decode.ts).
  if (!seen['accept-encoding']) kept.push('accept-encoding', seen.range ? 'identity' : 'gzip')
  return kept
}

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status)
}

/** The request that follows a redirect to `location`, by https://fetch.spec.whatwg.org/#http-redirect-fetch. */
export function redirected(request: HopRequest, status: number, location: string | string[]): HopRequest {
  if (typeof location !== 'string')
    throw new SubrequestError('the server redirects to several places at once')
  // Servers send UTF-8 where the standard reads Latin-1, and browsers understand them.
  const url = parseTarget(Buffer.from(location, 'latin1').toString(), request.url)
  let { method, headers, body } = request
  if (status !== 303 && body !== null && !Buffer.isBuffer(body)) {
    throw new SubrequestError(`cannot follow a ${status} redirect: the body was a stream and has been sent`)
  }
  const becomesGet =
    status === 303 ? method !== 'GET' && method !== 'HEAD' : status < 303 && method === 'POST'
  if (becomesGet) {
    method = 'GET'
    body = null
    headers = without(headers, OF_THE_BODY)
  }
  if (url.origin !== request.url.origin) headers = without(headers, SECRETS)
  return { method, url, headers, body }
}

function without(headers: string[], names: Set<string>): string[] {
  return headers.filter((_, at) => !names.has(headers[at - (at % 2)]!))
}

/** A response's headers, flat; values of one name are joined, except Set-Cookie's. */
export function flatHeaders(
  headers: Record<string, string | string[] | undefined>,
  decoded: boolean,
): string[] {
  const flat: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || HOP_BY_HOP.has(name)) continue
    if (decoded && (name === 'content-encoding' || name === 'content-length')) continue
    if (typeof value === 'string') flat.push(name, value)
    else if (name === 'set-cookie') for (const cookie of value) flat.push(name, cookie)
    else flat.push(name, value.join(', '))
  }
  return flat
}
