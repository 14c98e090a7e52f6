/**
 * How a runtime process speaks to the cache: HTTP over a unix socket. GET looks a response up, PUT keeps one, DELETE
 * forgets one. What it is about stands in these headers; the body is the response's.
 */

/** Whoever asks must show it. */
export const TOKEN_HEADER = 'x-token'
/** Base64url of JSON: `CacheQuestion` from the runtime, `CachedHead` from the cache. */
export const HEAD_HEADER = 'x-head'

/** Longer heads than an app may send in a response, in base64 and beside what else there is. */
export const HEAD_BYTES_MAX = 262_144

export interface CacheQuestion {
  app: string
  /** The name of the app's cache. */
  cache: string
  url: string
  /** Of the request that asks, or of the response to be kept. Flat: name, value, …; names in lower case. */
  headers: string[]
  /** Of the response to be kept. */
  status?: number
  statusText?: string
}

export interface CachedHead {
  status: number
  statusText: string
  headers: string[]
}

export function encodeHead(head: CacheQuestion | CachedHead): string {
  return Buffer.from(JSON.stringify(head)).toString('base64url')
}

/** Throws on what is no such thing. */
export function decodeHead(text: string): unknown {
  return JSON.parse(Buffer.from(text, 'base64url').toString())
}
