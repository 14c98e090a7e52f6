/**
 * The protocol between scheduler and runtime: length-prefixed binary frames over a unix socket or TCP.
 *
 *     u32le size of the rest | u8 type | u8 flags | u16 0 | u32le id | payload
 *
 * `id` names an instance or a stream: one request and its response, multiplexed with all others of the
 * connection. Body bytes travel against credit, so that neither side buffers more than a window for each
 * stream. Both sides close the connection on a frame that breaks the rules; the scheduler trusts no byte of it.
 */
/** Raised with every incompatible change; both sides must name the same one. */
export const PROTOCOL_VERSION = 4

/** The longest payload. Bundles and bodies are cut into pieces below it. */
export const PAYLOAD_BYTES_MAX = 1 << 20

/** Body bytes that may be under way in one direction of a stream before the receiver grants more. */
export const BODY_WINDOW = 262_144

/** Pieces in which long bodies and bundles are sent. */
export const PIECE_BYTES = 65_536

/** Of a frame, before its payload. */
export const HEADER_BYTES = 12

/** Frame types. The comments give the meaning of `id` and the payload. */
export const FRAME = {
  /** Either way, first frame. JSON {protocol, token?, pid?}. */
  hello: 1,

  // scheduler → runtime
  /** Instance. JSON InstanceSpec; `bundle` frames follow. */
  start: 2,
  /** Instance. A piece of the bundle. */
  bundle: 3,
  /** Instance. Ends it now; flags: index in TERMINATIONS. */
  stop: 4,
  /** Instance. u16 count, count × u32 (stream id, HAS_BODY bit), then the heads as latin1 text, joined by NUL. */
  requests: 5,
  /** Stream. The client has gone, or a limit was passed. */
  abort: 6,
  /** A heartbeat; id is echoed. */
  ping: 7,
  /** Instance. It gets no more requests; u16: the code with which its WebSockets are to be closed. */
  drain: 8,

  // both
  /** Stream. Body bytes. */
  chunk: 10,
  /** Stream. The body is complete. From the runtime: u32 CPU time in µs. */
  end: 11,
  /** Stream. u32: that many more body bytes may be sent. */
  credit: 12,

  // runtime → scheduler
  /** Instance. JSON StartResult. */
  started: 20,
  /**
   * Stream. u16 status, u16 0, u32 CPU µs, u32 head bytes, head (latin1 `name\nvalue\n…`), body bytes. Flags:
   * RESPONSE_* of sandbox/wire.ts.
   */
  response: 21,
  /** Stream. The request is over, waitUntil included. u8 outcome, u8[3] 0, u32 CPU µs, message (UTF-8). */
  finished: 22,
  /** Instance. JSON EndReport. */
  ended: 23,
  /** Instance. JSON Notice. */
  notice: 24,
  /** JSON RuntimeStats; id as in the ping. */
  pong: 25,
  /** Instance. JSON EndReport. Its isolate cannot be ended: the process must be killed. */
  catastrophe: 26,
  /** Stream. The app has thrown; `finished` follows when waitUntil lets it. Payload as of `finished`. */
  failed: 27,
  /**
   * Instance. u32 stream or 0, u8 index in WIRE_LEVELS, u8 index in LOG_KINDS (sandbox/wire.ts), u16 0, f64 ms since the
   * epoch, text (UTF-8).
   */
  log: 28,
  /** Instance. Its isolate is to end and takes its time: the process may have to be killed for it. */
  stuck: 29,
} as const

/** Of a log line's frame, before its text. */
export const LOG_FIXED_BYTES = 16

/** The longest text of a log line; the sandbox's own are shorter. */
export const LOG_LINE_BYTES_MAX = 131_072

/** On a stream id in a `requests` frame: a body follows. Stream ids never use this bit. */
export const HAS_BODY = 0x8000_0000

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}
