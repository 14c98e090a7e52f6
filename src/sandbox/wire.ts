/**
 * What passes between the pump (host, src/runtime) and the kernel (guest side, in the isolate), and where.
 *
 * Two pieces of shared memory belong to each instance. `control` holds counters and, in each call, the
 * descriptors of the events that come in. `outbox` takes the records that go out; it is empty at the start of
 * each call and read by the host after it. Guest code reaches neither; the host believes neither.
 */

/** Indices into `control` as an Int32Array. */
export const CONTROL = {
  /** Id of the request whose code is running, 0 for none: whom the watchdog blames. */
  current: 0,
  /** How many times a request's code was entered. */
  entries: 1,
  /** How many requests have been begun, in the order in which they were handed over. */
  begun: 2,
  /** How many events wait in the isolate's queue. */
  queued: 3,
  /** Bytes of records in the outbox. */
  outboxBytes: 4,
  /** Texts that wait to be taken. */
  texts: 5,
  /** 1: a larger outbox would help. */
  wantsOutbox: 6,
  /** Bytes that could not be written for want of room: call again. */
  blocked: 7,
  /** How many events this call brings. */
  incoming: 8,
  /** KiB of WebAssembly memory that the app holds, as far as JavaScript has seen it. */
  wasmKib: 9,
} as const

/** Byte offset of the event descriptors in `control`: type, id, a, b as int32 each. */
export const EVENTS_OFFSET = 64
export const EVENT_INTS = 4
/** Events in one call. */
export const EVENTS_MAX = 256
export const CONTROL_BYTES = EVENTS_OFFSET + EVENTS_MAX * EVENT_INTS * 4

/** The outbox at first, and once an app has shown that it sends long bodies. */
export const OUTBOX_BYTES = 65_536
export const OUTBOX_BYTES_LARGE = 1 << 20

/**
 * What one call may bring besides bytes: the host reads it in one go, on the thread that carries its neighbours'
 * requests. So many records take it 1.3 ms, so many characters (one text may go beyond them) about as long where they are
 * three bytes each.
 */
export const CALL_RECORDS = 4096
export const CALL_TEXT_CHARS = 262_144

/**
 * Characters of a text that holds several heads. isolated-vm makes longer strings external ones, which V8 keeps until it
 * collects the whole heap.
 */
export const TEXT_CHARS_MAX = 1023

/**
 * Events, host to guest. `head`: takes the next NUL-separated piece of the text. `extra`: takes the next of the call's
 * further arguments.
 */
export const EVENT = {
  /** id: request, a: REQUEST_* flags; head. */
  request: 1,
  /** id: the request was given up by the client or the platform. */
  abort: 2,
  /** id: body that was pulled; extra: ArrayBuffer. */
  chunk: 3,
  /** id: body that was collected; a: 1 if this is not all, and the rest is to be pulled; extra: ArrayBuffer or string. */
  collected: 4,
  /** id: the pulled body is at its end. */
  end: 5,
  /** id: the body broke off; extra: why. */
  broken: 6,
  /** id: outgoing body, a: bytes that may be sent in addition. */
  credit: 7,
  /** id: fetch; a: status, with FETCHED_* from bit 16; extra: `url\nstatusText\nname\nvalue…`. */
  fetched: 8,
  /** id: fetch; extra: why it failed. */
  fetchFailed: 9,
  /** The time asked for by a `wake` record has come. */
  wake: 10,
  /** id: digest; extra: ArrayBuffer, of an operation its answer. */
  digested: 11,
  /** id: request whose time for waitUntil is over. */
  expire: 12,
  /** id: an outgoing body that nobody wants any more. */
  unwanted: 13,
  /** id: an outgoing body that was handed over by `pipe`; a: 0 sent, 1 broke off. */
  piped: 14,
  /** a: the code with which WebSockets are to be closed: the instance takes no more requests. */
  windDown: 15,
  /** Garbage is to be collected: there is nothing else to do. */
  collect: 16,
} as const

/** Flags of `request`: a body follows; its head is the first in a text of its own, which is an extra. */
export const REQUEST_BODY = 1
export const REQUEST_NEXT_TEXT = 2

/** Flags of `fetched`. */
export const FETCHED_REDIRECTED = 1
export const FETCHED_BODY = 2
/** Its body is ASCII, and is all that follows the first NUL of the event's text. */
export const FETCHED_TEXT = 4

/**
 * Records, guest to host: u32 type | payload bytes << 8, u32 id, payload, padding to 4. Ids of requests are the
 * host's; ids of fetches and digests are made here and have the top bit set.
 */
export const RECORD = {
  /** Request. As protocol.ts's `response` frame, with RESPONSE_* flags in place of its u16 0. */
  response: 1,
  /** Outgoing body. Bytes. */
  chunk: 2,
  /** Outgoing body. The next text to be taken is a piece of it. */
  text: 3,
  /** Outgoing body. Complete. */
  end: 4,
  /** Outgoing body. u32: the incoming body whose bytes are its bytes; both are the host's from now on. */
  pipe: 5,
  /** Outgoing body. It broke off. */
  broken: 6,
  /** Request. u32 0: ok, 1: exception; message in UTF-8. */
  finished: 7,
  /** Incoming body. u32 how: PULL. */
  pull: 8,
  /** Incoming body. Nobody wants the rest. */
  cancel: 9,
  /** Fetch. u32 request, u32 flags: FETCH_*, u32 bytes of a fixed body, at most; then UTF-8 `method\nurl\nname\nvalue\n…`. */
  fetch: 10,
  /** Fetch. */
  abortFetch: 11,
  /** Digest. u32 request, u32 algorithm, or SUBTLE; its data is an outgoing body. */
  digest: 12,
  /** Request or 0. u32 level | kind << 8; UTF-8. */
  log: 13,
  /** f64 milliseconds until the next timer. */
  wake: 14,
  /** Request or 0. u32: index in LIMIT_NOTICES. */
  limit: 15,
  /** Request. The app has thrown, but waitUntil keeps the request open. u32 0; message in UTF-8. */
  failed: 16,
} as const

/** How the headers of a request begin that may be answered with a WebSocket; no client can have them begin so. */
export const UPGRADE_HEADERS = 'upgrade\nwebsocket\n'

export const RECORD_HEADER_BYTES = 8

/**
 * Records begin at multiples of this. V8 copies to shared memory a word at a time if source and target are aligned
 * alike, and a byte at a time, which takes seven times as long, if they are not.
 */
export const RECORD_ALIGNMENT = 8

/** Flags of a response, here and in the protocol: the body that comes with it is all there is. */
export const RESPONSE_WHOLE = 1
/** The request is over too, with outcome ok; no `finished` follows. */
export const RESPONSE_FINISHED = 2
/** A `response` record's body is not in it but is the next text to be taken. */
export const RESPONSE_TEXT = 4

/** Statuses of what the cache answers when it is no response: done; there is none. */
export const CACHE_DONE = 1
export const CACHE_MISS = 0

export const PULL = { chunk: 0, bytes: 1, text: 2 } as const

export const FETCH_BODY = 1
/** It is not for the network but for the cache; its headers begin with what `cache-client.ts` takes out. */
export const FETCH_CACHE = 16
/** The connection is to become a WebSocket's. */
export const FETCH_UPGRADE = 32
/** The body's length is known: the host sends it in one piece, and again after a redirect. */
export const FETCH_FIXED = 8
/** The response's body may come as text, with its head. */
export const FETCH_TEXT = 64
export const REDIRECT_SHIFT = 1
export const REDIRECTS = ['follow', 'manual', 'error'] as const

export const DIGESTS = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512', 'MD5'] as const
/** In place of a digest's algorithm: the data is an operation of crypto.subtle (runtime/subtle.ts). */
export const SUBTLE = DIGESTS.length
export const WIRE_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const LOG_KINDS = ['console', 'exception'] as const
export const LIMIT_NOTICES = ['subrequests', 'log_lines', 'timers', 'response_headers'] as const

/** Ids that guests make have this bit. */
export const GUEST_ID = 0x8000_0000

/** The limits that the kernel keeps itself, for good errors; the host keeps them too where they protect it. */
export interface KernelLimits {
  subrequests: number
  subrequestsAtOnce: number
  logLinesPerRequest: number
  logBytesPerRequest: number
  timersMax: number
  responseHeaderBytesMax: number
  bodyWindow: number
  webSocketMessageBytesMax: number
}

/** What the kernel learns when its app starts. */
export interface KernelStart {
  limits: KernelLimits
  vars: Record<string, unknown>
  syntax: 'module' | 'service-worker'
  /** Those that the app names (deferred.ts). */
  parts: string[]
}
