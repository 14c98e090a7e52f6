/**
 * The runtime's way to the cache: what an app asks of `caches`, as an upstream like any other to those who carry
 * bodies (subfetch.ts). The app's name is said here; what comes from the isolate is only what it asks for.
 */
import { Readable } from 'node:stream'
import {
  type CachedHead,
  type CacheQuestion,
  decodeHead,
  encodeHead,
  HEAD_BYTES_MAX,
  HEAD_HEADER,
  TOKEN_HEADER,
} from '../cache/wire.ts'
import { type DoorAddress, knock } from '../door.ts'
import { CACHE_DONE, CACHE_MISS } from '../sandbox/wire.ts'
import { streamed } from './incoming-body.ts'
import type { Subrequest, SubresponseHead, Upstream } from './subrequest.ts'
import { Pool } from './undici.ts'

/** An app with many requests under way waits for one of these. */
const CONNECTIONS_MAX = 64

/** What the head of a record holds besides HTTP's headers: names that no header can have. */
const CACHE_NAME = ':cache'
const STATUS = ':status'
const STATUS_TEXT = ':status-text'

const METHODS = new Set(['GET', 'PUT', 'DELETE'])

export class CacheClient implements Upstream {
  readonly #pool: Pool
  readonly #token: string

  /** Rejects if there is nobody who keeps anything any more. */
  static async open(address: DoorAddress): Promise<CacheClient> {
    await knock(address)
    return new CacheClient(address)
  }

  private constructor({ path, token }: DoorAddress) {
    this.#token = token
    this.#pool = new Pool('http://cache', {
      socketPath: path,
      connections: CONNECTIONS_MAX,
      maxHeaderSize: HEAD_BYTES_MAX,
    })
  }

  /** A look-up resolves to the response, or to the status CACHE_MISS; the others to CACHE_DONE or CACHE_MISS. */
  async fetch({ app, method, url, headers, body, signal }: Subrequest): Promise<SubresponseHead> {
    if (!METHODS.has(method)) throw new TypeError('The cache does not know that method.')
    const question = questionOf({ app, url, headers })
    const answer = await this.#pool.request({
      path: '/',
      method: method as 'GET' | 'PUT' | 'DELETE',
      headers: { [TOKEN_HEADER]: this.#token, [HEAD_HEADER]: encodeHead(question) },
      body: body === null || Buffer.isBuffer(body) ? body : Readable.from(body),
      signal: signal as AbortSignal,
    })
    const { statusCode, headers: answered } = answer
    if (statusCode === 200) {
      const head = decodeHead(String(answered[HEAD_HEADER])) as CachedHead
      const hasBody = answered['content-length'] !== '0'
      if (!hasBody) await answer.body.dump()
      return { ...head, url, redirected: false, body: hasBody ? streamed(answer.body) : null }
    }
    await answer.body.dump()
    if (statusCode === 413) throw new TypeError('The response is larger than what the cache takes.')
    return bare(url, statusCode === 204 ? CACHE_DONE : CACHE_MISS)
  }
}

/** The cache of a platform that has none: it takes everything and keeps nothing. */
export const NO_CACHE: Upstream = {
  async fetch({ method, url, body }) {
    if (body !== null && !Buffer.isBuffer(body)) for await (const _piece of body);
    return bare(url, method === 'PUT' ? CACHE_DONE : CACHE_MISS)
  },
}

function bare(url: string, status: number): SubresponseHead {
  return { status, statusText: '', url, redirected: false, headers: [], body: null }
}

function questionOf({ app, url, headers }: Pick<Subrequest, 'app' | 'url' | 'headers'>): CacheQuestion {
  const question: CacheQuestion = { app, url, cache: '', headers: [] }
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name, value] = [headers[at]!, headers[at + 1]!]
    if (name === CACHE_NAME) question.cache = value
    else if (name === STATUS) question.status = Number(value) & 0xffff
    else if (name === STATUS_TEXT) question.statusText = value
    else question.headers.push(name, value)
  }
  return question
}
