/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to. The platform records no
 * spans: it names the trace in its logs and hands the context on unchanged, so that no span's parent gets lost.
 */

/** Version, trace id, parent id, flags; later versions may append. Ids of zeros only and version ff are invalid. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/

/** Section 3.3.1.5: as much of a tracestate is to be handed on at least. */
const TRACESTATE_CHARS_MAX = 512

/** The trace id in a `traceparent`, 32 hex digits; empty if it names none or is malformed. */
export function traceIdOf(traceparent: string | undefined): string {
  if (traceparent === undefined) return ''
  const [, version, traceId = '', appended] = TRACEPARENT.exec(traceparent) ?? []
  return version === '00' && appended !== undefined ? '' : traceId
}

/** Whether a request's head (`name\nvalue\n…`) may name a trace. */
export function mayBeTraced(head: string): boolean {
  return head.includes('\ntraceparent\n')
}

/** What of such a head subrequests carry on: flat name, value, …; nothing if it belongs to no trace. */
export function traceHeadersOf(head: string): string[] {
  const parents = valuesOf(head, 'traceparent')
  if (parents.length !== 1 || traceIdOf(parents[0]) === '') return []
  const state = shortened(valuesOf(head, 'tracestate').join(','))
  return ['traceparent', parents[0]!, ...(state === '' ? [] : ['tracestate', state])]
}

/** A head's first two lines are method and URL. */
function valuesOf(head: string, name: string): string[] {
  const lines = head.split('\n')
  return lines.filter((_, at) => at > 2 && at % 2 === 1 && lines[at - 1] === name)
}

/** Without the last members, where it is too long. */
function shortened(state: string): string {
  if (state.length <= TRACESTATE_CHARS_MAX) return state
  return state.slice(0, Math.max(0, state.lastIndexOf(',', TRACESTATE_CHARS_MAX)))
}
