/**
 * An event stream's events (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation).
 *
 * Neither a line nor an event has a limit of its own: both lie in the app's memory, and count towards its limit.
 */
import { stringIncludes, stringIndexOf, stringSlice, typedArraySet } from './primordials.ts'
import { utf8DecodeRange } from './utf8.ts'

/** What an event source is told. */
export interface StreamEvent {
  type: string
  data: string
  lastEventId: string
}

export interface EventStream {
  /** Reads on, and tells of each event that is complete. */
  push(bytes: Uint8Array): void
  /** As the stream has set it, at any time. */
  readonly lastEventId: string
  /** Milliseconds; null if the stream has not set it. */
  readonly reconnectionMs: number | null
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const INITIAL_BYTES = 1024

export function readEventStream(lastEventId: string, tell: (event: StreamEvent) => void): EventStream {
  /** A line that has no end yet: it grows by doubling, so that tiny chunks cost no more than large ones. */
  let line = new Uint8Array(INITIAL_BYTES)
  let length = 0
  let endedByReturn = false
  let isFirst = true
  let type = ''
  /** Lines, with a line feed between them; null if there is none. */
  let data: string | null = null
  let id = lastEventId
  let reconnectionMs: number | null = null

  const stream = {
    lastEventId,
    get reconnectionMs() {
      return reconnectionMs
    },
    push(bytes: Uint8Array) {
      let start = 0
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at]!
        if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) {
          endedByReturn = false
          continue
        }
        const isSecondHalf = byte === LINE_FEED && endedByReturn
        endedByReturn = byte === CARRIAGE_RETURN
        if (!isSecondHalf) {
          keep(bytes, start, at)
          take(text())
          length = 0
        }
        start = at + 1
      }
      keep(bytes, start, bytes.length)
    },
  }
  return stream

  function keep(bytes: Uint8Array, start: number, end: number): void {
    const needed = length + end - start
    if (needed > line.length) {
      const grown = new Uint8Array(needed > 2 * line.length ? needed : 2 * line.length)
      typedArraySet(grown, line)
      line = grown
    }
    for (let i = start; i < end; i++) line[length++] = bytes[i]!
  }

  function text(): string {
    const hasMark = isFirst && length >= 3 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf
    isFirst = false
    return utf8DecodeRange(line, hasMark ? 3 : 0, length, false)
  }

  function take(given: string): void {
    if (given === '') return dispatch()
    const colon = stringIndexOf(given, ':')
    if (colon === 0) return
    const name = colon === -1 ? given : stringSlice(given, 0, colon)
    const value = colon === -1 ? '' : stringSlice(given, given[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'event') type = value
    else if (name === 'data') data = data === null ? value : `${data}\n${value}`
    else if (name === 'id') id = stringIncludes(value, '\0') ? id : value
    else if (name === 'retry' && isDigits(value)) reconnectionMs = +value
  }

  function dispatch(): void {
    stream.lastEventId = id
    const event = data === null ? null : { type: type || 'message', data, lastEventId: id }
    type = ''
    data = null
    if (event !== null) tell(event)
  }
}

function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text[i]! < '0' || text[i]! > '9') return false
  return text !== ''
}
