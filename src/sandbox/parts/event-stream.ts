/** An event stream's events (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation). */

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

/** `decode` reads UTF-8. */
export function readEventStream(
  lastEventId: string,
  decode: (bytes: Uint8Array, start: number, end: number) => string,
  tell: (event: StreamEvent) => void,
): EventStream {
  /** A line that has no end yet: it grows by doubling, so that tiny chunks cost no more than large ones. */
  let line = new Uint8Array(INITIAL_BYTES)
  let length = 0
  let endedByReturn = false
  let isFirst = true
  let type = ''
  let data: string[] = []
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
          keep(bytes.subarray(start, at))
          take(text())
          length = 0
        }
        start = at + 1
      }
      keep(bytes.subarray(start))
    },
  }
  return stream

  function keep(bytes: Uint8Array): void {
    const needed = length + bytes.length
    if (needed > line.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * line.length))
      grown.set(line.subarray(0, length))
      line = grown
    }
    line.set(bytes, length)
    length = needed
  }

  function text(): string {
    const hasMark = isFirst && length >= 3 && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf
    isFirst = false
    return decode(line, hasMark ? 3 : 0, length)
  }

  function take(given: string): void {
    if (given === '') return dispatch()
    const colon = given.indexOf(':')
    if (colon === 0) return
    const name = colon === -1 ? given : given.slice(0, colon)
    const value = colon === -1 ? '' : given.slice(given[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'event') type = value
    else if (name === 'data') data.push(value)
    else if (name === 'id') id = value.includes('\0') ? id : value
    else if (name === 'retry' && /^[0-9]+$/.test(value)) reconnectionMs = Number(value)
  }

  function dispatch(): void {
    stream.lastEventId = id
    const event = { type: type || 'message', data: data.join('\n'), lastEventId: id }
    const isEmpty = data.length === 0
    type = ''
    data = []
    if (!isEmpty) tell(event)
  }
}
