/**
 * fetch(): checks what the Fetch standard has checked before anything goes out, and has the host send the rest.
 * Redirects, connections and caches are the host's; origins, CORS and cookies do not exist here.
 */
import { abortReason, isAborted } from './abort.ts'
import { isBlockedPort } from './blocked-ports.ts'
import { host } from './current-host.ts'
import { readDataUrl } from './data-url.ts'
import { copyHeaderList, type HeaderList, headerOf } from './header-list.ts'
import { expectsIntegrity, matchesIntegrity } from './integrity.ts'
import { stringToLowerCase } from './primordials.ts'
import { Request, type RequestParts, requestParts } from './request.ts'
import {
  createDataResponse,
  createFetchedResponse,
  type Response,
  replaceBody,
  responseBody,
} from './response.ts'
import { parseUrl } from './url-parser.ts'
import { serializeUrl } from './url-record.ts'
import { requireArguments } from './webidl.ts'
import { fetchSocket } from './websocket-client.ts'

export async function fetch(input: unknown, init: unknown = undefined): Promise<Response> {
  requireArguments(arguments.length, 1, "Failed to execute 'fetch'")
  const request = requestParts(new Request(input, init))
  const { signal, body } = request
  if (signal !== null && isAborted(signal)) {
    const reason = abortReason(signal)
    body?.cancel(reason)
    throw reason
  }
  const target = parseUrl(request.url)
  if (target === null) throw new TypeError(`fetch failed: '${request.url}' is not a valid URL.`)
  const { scheme, port } = target
  const url = serializeUrl(target, false)
  if (scheme === 'data') return fetchDataUrl(url, request)
  if (scheme !== 'http' && scheme !== 'https') {
    throw new TypeError(
      `fetch failed: URLs with the scheme '${scheme}' cannot be fetched, only http and https.`,
    )
  }
  if (port !== null && isBlockedPort(port)) {
    throw new TypeError(`fetch failed: port ${port} belongs to another protocol and is blocked.`)
  }
  if (asksForSocket(request)) {
    const { response, socket } = await fetchSocket({ url, headers: outgoingHeaders(request) })
    return createFetchedResponse(response, null, socket)
  }
  const response = await host.fetch(
    {
      method: request.method,
      url,
      headers: outgoingHeaders(request),
      body: body === null ? null : body.take(),
      redirect: request.settings.redirect,
    },
    signal,
  )
  return verified(createFetchedResponse(response, signal), request.settings.integrity)
}

function asksForSocket({ method, headers }: RequestParts): boolean {
  return method === 'GET' && stringToLowerCase(headerOf(headers, 'upgrade') ?? '') === 'websocket'
}

/** The response, once its bytes are known to be the expected ones. */
async function verified(response: Response, integrity: string): Promise<Response> {
  const body = responseBody(response)
  if (body === null || !expectsIntegrity(integrity)) return response
  const bytes = await body.bytes()
  if (!(await matchesIntegrity(integrity, bytes))) {
    throw new TypeError(`fetch failed: the response does not have the integrity ${integrity}.`)
  }
  replaceBody(response, bytes)
  return response
}

function fetchDataUrl(url: string, { method }: RequestParts): Response {
  const data = readDataUrl(url)
  if (data === null) throw new TypeError('fetch failed: the data: URL is malformed.')
  return createDataResponse(url, data.type, method === 'HEAD' ? null : data.bytes)
}

/** With what the standard adds: what is accepted, and what the cache mode says to the caches on the way. */
function outgoingHeaders({ headers, settings: { cache } }: RequestParts): HeaderList {
  const list = copyHeaderList(headers)
  addUnlessThere(list, 'accept', '*/*')
  addUnlessThere(list, 'accept-language', '*')
  if (cache === 'no-store' || cache === 'reload') {
    addUnlessThere(list, 'pragma', 'no-cache')
    addUnlessThere(list, 'cache-control', 'no-cache')
  } else if (cache === 'no-cache') addUnlessThere(list, 'cache-control', 'max-age=0')
  return list
}

function addUnlessThere(list: HeaderList, name: string, value: string): void {
  if (headerOf(list, name) !== null) return
  list[list.length] = name
  list[list.length] = value
}
