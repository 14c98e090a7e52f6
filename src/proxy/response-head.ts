/**
 * An app's response as the client gets to see it. Nothing in it is believed: what could confuse a client about
 * where the response ends, or pass for the platform's own, is left out or refused.
 */

/** Headers that concern one connection (RFC 9110, 7.6.1), and those that only the proxy may set. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
  'x-vitrine-outcome',
])

export interface ResponseHead {
  /** Flat: name, value, …, without content-length. Not to be changed: the next response may be given it too. */
  headers: readonly string[]
  /** What the app says of its body's length; -1: nothing. */
  contentLength: number
}

/** How many bytes a header takes beside its name and value. */
const HEADER_OVERHEAD_BYTES = 4

/** What was made of headers last: whoever hands in the same array again means the same headers. */
let last: { headers: readonly string[]; bytesMax: number; head: ResponseHead | string } | null = null

/** The head, or one sentence about what is wrong with it. Names and values are for node:http to validate. */
export function responseHead(
  status: number,
  headers: readonly string[],
  { bytesMax }: { bytesMax: number },
): ResponseHead | string {
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) {
    return `The app answered with the status ${status}, which no response can have.`
  }
  if (last?.headers === headers && last.bytesMax === bytesMax) return last.head
  const head = readHeaders(headers, bytesMax)
  last = { headers, bytesMax, head }
  return head
}

function readHeaders(headers: readonly string[], bytesMax: number): ResponseHead | string {
  const kept: string[] = []
  let alsoDropped: Set<string> | null = null
  let contentLength = -1
  let bytes = 0
  // A trailing name without value is the end of the text that the headers were cut from.
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase()
    const value = headers[i + 1]!
    bytes += name.length + value.length + HEADER_OVERHEAD_BYTES
    if (name === 'content-length') {
      if (contentLength !== -1 || !/^\d{1,15}$/.test(value)) return 'The app’s Content-Length is malformed.'
      contentLength = Number(value)
    } else if (name === 'connection') {
      alsoDropped = new Set(value.split(',', 64).map(part => part.trim().toLowerCase()))
    } else if (!NOT_FORWARDED.has(name)) {
      kept.push(name, value)
    }
  }
  if (bytes > bytesMax) return `The app’s response headers are longer than ${bytesMax} bytes.`
  return { headers: alsoDropped ? without(kept, alsoDropped) : kept, contentLength }
}

function without(headers: string[], names: Set<string>): string[] {
  return headers.filter((_, index) => !names.has(headers[index - (index % 2)]!))
}

/** Whether a response has no body, whatever its headers say (RFC 9112, 6.3). */
export function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}
