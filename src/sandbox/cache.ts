/**
 * Cache and CacheStorage as Cloudflare has them: `put`, `match` and `delete`, by what HTTP says about responses
 * (https://developers.cloudflare.com/workers/runtime-apis/cache/). The responses lie with the host.
 */
import { host } from './current-host.ts'
import type { BodySource, IncomingResponse } from './host.ts'
import { arrayPush, encodeUriComponent, stringIndexOf, stringToWellFormed } from './primordials.ts'
import { Request, type RequestParts, requestParts } from './request.ts'
import { createFetchedResponse, type Response, readResponse } from './response.ts'
import { parseUrl } from './url-parser.ts'
import { serializeUrl } from './url-record.ts'
import {
  defineInterface,
  dictionary,
  domString,
  internally,
  onlyInternally,
  requireArguments,
} from './webidl.ts'
import { CACHE_DONE, CACHE_MISS } from './wire.ts'

const failed = (method: string) => `Failed to execute '${method}' on 'Cache'`

export class Cache {
  readonly #name: string

  constructor() {
    onlyInternally(arguments[0])
    this.#name = arguments[1] as string
  }

  /** Keeps a response for as long as its headers allow; one that may not be kept is not, without an error. */
  async put(request: unknown, response: unknown): Promise<void> {
    const name = this.#name
    requireArguments(arguments.length, 2, failed('put'))
    const parts = requestParts(new Request(request))
    if (parts.method !== 'GET') throw new TypeError(`${failed('put')}: only responses to GET can be put.`)
    const url = keyOf(parts, 'put')
    const outgoing = readResponse(response)
    if (outgoing === null) throw new TypeError(`${failed('put')}: parameter 2 is not of type 'Response'.`)
    const { status, statusText, headers, body } = outgoing
    if (status === 206) throw new TypeError(`${failed('put')}: a partial response cannot be put.`)
    const list = [':cache', name, ':status', `${status}`, ':status-text', statusText]
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === 'vary' && stringIndexOf(headers[i + 1]!, '*') !== -1)
        throw new TypeError(`${failed('put')}: a response with 'Vary: *' cannot be put.`)
      arrayPush(list, headers[i]!, headers[i + 1]!)
    }
    await ask('PUT', url, list, body)
  }

  /** The response that was put for this request, if it is still fresh. */
  async match(request: unknown, options: unknown = undefined): Promise<Response | undefined> {
    const name = this.#name
    requireArguments(arguments.length, 1, failed('match'))
    const parts = requestFor(request, options, 'match')
    if (parts === null) return undefined
    const list = [':cache', name]
    for (let i = 0; i < parts.headers.length; i++) arrayPush(list, parts.headers[i]!)
    const response = await ask('GET', keyOf(parts, 'match'), list, null)
    return response.status === CACHE_MISS ? undefined : createFetchedResponse(response)
  }

  /** Whether there was a response to be deleted. */
  async delete(request: unknown, options: unknown = undefined): Promise<boolean> {
    const name = this.#name
    requireArguments(arguments.length, 1, failed('delete'))
    const parts = requestFor(request, options, 'delete')
    if (parts === null) return false
    const { status } = await ask('DELETE', keyOf(parts, 'delete'), [':cache', name], null)
    return status === CACHE_DONE
  }
}

defineInterface('Cache', Cache)

/** Null: there can be no response to such a request. */
function requestFor(request: unknown, options: unknown, method: string): RequestParts | null {
  const { ignoreMethod } = dictionary(options, failed(method))
  const parts = requestParts(new Request(request))
  return parts.method === 'GET' || ignoreMethod ? parts : null
}

function keyOf({ url }: RequestParts, method: string): string {
  const parsed = parseUrl(url)
  if (parsed === null || (parsed.scheme !== 'http' && parsed.scheme !== 'https'))
    throw new TypeError(`${failed(method)}: the request's URL must be of http or https, not '${url}'.`)
  return serializeUrl(parsed, false)
}

function ask(
  method: 'GET' | 'PUT' | 'DELETE',
  url: string,
  headers: string[],
  body: BodySource | null,
): Promise<IncomingResponse> {
  return host.cache({ method, url, headers, body, redirect: 'follow' })
}

const Constructor = Cache as unknown as new (key: symbol, name: string) => Cache

/** The name of `caches.default`: no other cache can be opened under it. */
const DEFAULT_NAME = ''
const NAME_CHARS_MAX = 1024

export class CacheStorage {
  readonly #default = new Constructor(internally, DEFAULT_NAME)

  constructor() {
    onlyInternally(arguments[0])
  }

  get default(): Cache {
    return this.#default
  }

  async open(cacheName: unknown): Promise<Cache> {
    void this.#default
    requireArguments(arguments.length, 1, "Failed to execute 'open' on 'CacheStorage'")
    const name = domString(cacheName)
    if (name.length > NAME_CHARS_MAX) {
      throw new TypeError(
        `Failed to execute 'open' on 'CacheStorage': a name has at most ${NAME_CHARS_MAX} characters.`,
      )
    }
    return new Constructor(internally, encodeName(name))
  }
}

/** In Latin-1 without line ends, as the head of a record must be, and never empty. */
function encodeName(name: string): string {
  return `n${encodeUriComponent(stringToWellFormed(name))}`
}

defineInterface('CacheStorage', CacheStorage)

export const caches: CacheStorage = new (CacheStorage as unknown as new (key: symbol) => CacheStorage)(
  internally,
)
