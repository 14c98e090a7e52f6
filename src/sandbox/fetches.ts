/** fetch() as messages: requests that go out through the host, and the answers that come back. */

import { type AbortSignal, abortReason, onAbort, removeAbort } from './abort.ts'
import type { BodySource, IncomingResponse, OutgoingRequest } from './host.ts'
import { record, recordUint32, writeLatin1, writeUint32 } from './outbox.ts'
import { Outgoing, outgoing } from './outgoing.ts'
import {
  arrayIndexOf,
  arrayPush,
  arraySlice,
  mapDelete,
  mapGet,
  mapSet,
  promiseReject,
  stringIndexOf,
  stringSlice,
  typedArrayByteLength,
} from './primordials.ts'
import { type RequestContext, requireRequest } from './request-context.ts'
import {
  FETCH_BODY,
  FETCH_CACHE,
  FETCH_FIXED,
  FETCH_TEXT,
  FETCH_UPGRADE,
  FETCHED_BODY,
  FETCHED_REDIRECTED,
  FETCHED_TEXT,
  GUEST_ID,
  type KernelLimits,
  LIMIT_NOTICES,
  RECORD,
  REDIRECT_SHIFT,
  REDIRECTS,
} from './wire.ts'

interface Fetch {
  owner: RequestContext
  resolve: (response: IncomingResponse) => void
  reject: (error: unknown) => void
}

const STATUS_BITS = 16

let limits: KernelLimits
let lastId = 0
const fetches = new Map<number, Fetch>()

export function limitFetches(kernelLimits: KernelLimits): void {
  limits = kernelLimits
}

/** An id for something that the isolate starts: a fetch, a digest. */
export function newGuestId(): number {
  lastId = (lastId + 1) & 0x7fff_ffff
  return (lastId | GUEST_ID) >>> 0
}

export function startFetch(request: OutgoingRequest, signal: AbortSignal | null): Promise<IncomingResponse> {
  // Whoever has a signal may still break off a body that has not been read.
  const flags = request.upgrade ? FETCH_UPGRADE : signal === null ? FETCH_TEXT : 0
  return start('fetch()', request, { signal, flags })
}

export function askCache(request: OutgoingRequest): Promise<IncomingResponse> {
  return start('caches', request, { signal: null, flags: FETCH_CACHE })
}

function start(
  what: string,
  request: OutgoingRequest,
  { signal, flags }: { signal: AbortSignal | null; flags: number },
): Promise<IncomingResponse> {
  let owner: RequestContext
  try {
    owner = requireRequest(what)
    countSubrequest(owner)
  } catch (error) {
    return promiseReject(error)
  }
  const id = newGuestId()
  return new Promise((resolve, reject) => {
    const abort = () => {
      if (!mapGet(fetches, id)) return
      giveUp(id)
      settle(id)
      reject(abortReason(signal!))
    }
    const forget = () => {
      if (signal) removeAbort(signal, abort)
    }
    if (signal) onAbort(signal, abort)
    mapSet(fetches, id, {
      owner,
      resolve: response => {
        forget()
        resolve(response)
      },
      reject: error => {
        forget()
        reject(error)
      },
    })
    owner.onOver(() => {
      if (mapGet(fetches, id)) giveUp(id)
      settle(id)
    })
    writeFetch(id, owner, request, flags)
  })
}

function countSubrequest(owner: RequestContext): void {
  const tooMany =
    owner.subrequests >= limits.subrequests
      ? `A request may make ${limits.subrequests} subrequests.`
      : owner.subrequestsUnderWay >= limits.subrequestsAtOnce
        ? `A request may have ${limits.subrequestsAtOnce} subrequests under way at once; await some first.`
        : ''
  if (tooMany) {
    recordUint32(RECORD.limit, owner.id, arrayIndexOf(LIMIT_NOTICES as unknown as unknown[], 'subrequests'))
    throw new TypeError(tooMany)
  }
  owner.subrequests++
  owner.subrequestsUnderWay++
}

function writeFetch(id: number, owner: RequestContext, request: OutgoingRequest, flags: number): void {
  let head = `${request.method}\n${request.url}`
  for (let i = 0; i < request.headers.length; i++) head += `\n${request.headers[i]}`
  const redirect = arrayIndexOf(REDIRECTS as unknown as unknown[], request.redirect)
  record(RECORD.fetch, id, 12 + head.length)
  writeUint32(0, owner.id)
  writeUint32(4, flags | bodyFlags(request.body) | (redirect << REDIRECT_SHIFT))
  writeUint32(8, bodyBytesMax(request.body))
  writeLatin1(12, head)
  if (!request.body) return
  const body = new Outgoing(id, owner, limits.bodyWindow, () => {})
  owner.onOver(() => body.stop(new TypeError('The request is over.')))
  body.send(request.body)
}

function bodyFlags(body: BodySource | null): number {
  if (!body) return 0
  return body.kind === 'text' || body.kind === 'bytes' ? FETCH_BODY | FETCH_FIXED : FETCH_BODY
}

/** How long a fixed body is at most. */
function bodyBytesMax(body: BodySource | null): number {
  if (body?.kind === 'bytes') return typedArrayByteLength(body.bytes)
  return body?.kind === 'text' ? body.text.length * 3 : 0
}

export function fetchOwner(id: number): RequestContext | undefined {
  return mapGet(fetches, id)?.owner
}

/** `status`: the status in the lower 16 bits, FETCHED_* above. */
export function fetchResponded(id: number, status: number, head: string): void {
  const fetch = settle(id)
  if (!fetch) return
  const flags = status >>> STATUS_BITS
  const headEnd = flags & FETCHED_TEXT ? stringIndexOf(head, '\0') : head.length
  const lines = splitLines(stringSlice(head, 0, headEnd))
  fetch.resolve({
    status: status & 0xffff,
    url: lines[0]!,
    statusText: lines[1]!,
    headers: arraySlice(lines, 2),
    redirected: (flags & FETCHED_REDIRECTED) !== 0,
    body: flags & FETCHED_BODY ? id : null,
    text: flags & FETCHED_TEXT ? stringSlice(head, headEnd + 1) : null,
  })
}

export function fetchFailed(id: number, message: string): void {
  settle(id)?.reject(new TypeError(message))
}

function settle(id: number): Fetch | undefined {
  const fetch = mapGet(fetches, id)
  if (fetch) {
    mapDelete(fetches, id)
    fetch.owner.subrequestsUnderWay--
  }
  return fetch
}

function giveUp(id: number): void {
  record(RECORD.abortFetch, id, 0)
  outgoing(id)?.stop(new TypeError('The fetch was aborted.'))
}

function splitLines(text: string): string[] {
  const lines: string[] = []
  let from = 0
  for (;;) {
    const to = stringIndexOf(text, '\n', from)
    arrayPush(lines, to < 0 ? stringSlice(text, from) : stringSlice(text, from, to))
    if (to < 0) return lines
    from = to + 1
  }
}
