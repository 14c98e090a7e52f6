/**
 * A client's request as the app gets to see it: what is between client and proxy only is left out, and what the
 * proxy knows better than the client (its address, above all) is put in place of what the client claims.
 *
 * The HTTP parser lets no control character into names, values or targets, so lines can be told apart.
 */
import type { IncomingMessage } from 'node:http'
import { UPGRADE_HEADERS } from '../sandbox/wire.ts'
import { remembered } from './remembered.ts'
import type { Answer } from './status.ts'

/** Headers that concern one connection (RFC 9110, 7.6.1), and those that only the proxy may set. */
const NOT_FORWARDED = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'x-request-id',
  'forwarded',
  'cf-connecting-ip',
  'true-client-ip',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
])

/**
 * Why a request is refused whatever it asks for: it speaks another HTTP, or leaves room for doubt about where it
 * ends (RFC 9112, 6.1), or it asks for a WebSocket though it is no upgrade. Null: it does not.
 */
export function refusalOf({ httpVersion, headers }: IncomingMessage, isUpgrade: boolean): Answer | null {
  const { upgrade, 'transfer-encoding': coding } = headers
  if (!isUpgrade && upgrade !== undefined && /\bwebsocket\b/i.test(upgrade)) {
    const message = 'The request asks for a WebSocket, but not as RFC 6455 has it, in version 13.'
    return { status: 400, message }
  }
  if (httpVersion === '1.1' && coding === undefined) return null
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return { status: 505, message: 'Only HTTP/1.1 and HTTP/1.0 are spoken here.' }
  }
  if (coding === undefined) return null
  if (httpVersion === '1.0') return { status: 400, message: 'HTTP/1.0 knows no Transfer-Encoding.' }
  if (coding.toLowerCase() === 'chunked') return null
  return { status: 501, message: 'No Transfer-Encoding but chunked is understood.' }
}

export interface Target {
  /** As in the URL that the app sees, port included. */
  hostHeader: string
  /** Path with query. */
  url: string
}

const HOST = /^(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/i
const ABSOLUTE_TARGET = /^https?:\/\/([^/?#]*)(.*)$/i

/** Names that may be no host all the same: a literal address, an encoded label, a port beyond the last. */
const DOUBTFUL_HOST = /^\[|xn--|:\d{5}|(?:^|\.)\d[\da-fx]*\.?(?::|$)/i

/** Where the request goes, or one sentence about what is wrong with it. */
export function readTarget(target: string, hostHeader: string | undefined): Target | string {
  let host = hostHeader
  let url = target
  if (target[0] !== '/') {
    // RFC 9112, 3.2.2: the host of an absolute target counts, whatever the header says.
    const absolute = ABSOLUTE_TARGET.exec(target)
    if (!absolute) return 'The request’s target is no path.'
    host = absolute[1]!
    url = absolute[2]!
    if (url[0] !== '/') url = `/${url}`
  }
  if (!host) return 'The request has no Host header.'
  if (!HOST.test(host) || (DOUBTFUL_HOST.test(host) && !URL.canParse(`http://${host}`))) {
    return 'The request’s Host header is no host name.'
  }
  const hash = url.indexOf('#')
  return { hostHeader: host, url: hash === -1 ? url : url.slice(0, hash) }
}

export interface HeadFacts extends Target {
  method: string
  requestId: string
  /** Flat: name, value, …, as they came. */
  rawHeaders: readonly string[]
  /** The Connection header; names more headers that concern the connection only. */
  connection: string | undefined
  clientIp: string
  /** The client asks for a WebSocket. */
  isUpgrade: boolean
}

/** Of a name as a client writes it: as apps read it, with a line feed; empty if it is not for them. */
const nameLine = remembered(written => {
  const name = written.toLowerCase()
  return NOT_FORWARDED.has(name) ? '' : `${name}\n`
})

/** What the proxy says of the client, as it was last: connections ask for one host again and again. */
const client = { ip: '', host: '', lines: '' }

function clientLines(ip: string, host: string): string {
  if (client.ip === ip && client.host === host) return client.lines
  client.ip = ip
  client.host = host
  const names = {
    'x-forwarded-for': ip,
    'x-forwarded-proto': 'http',
    'x-forwarded-host': host,
    'x-real-ip': ip,
  }
  client.lines = [...Object.entries({ ...names, 'cf-connecting-ip': ip }).flat(), ''].join('\n')
  return client.lines
}

/** The head in the form that the sandbox reads, or null if it names its host more than once. */
export function requestHead(facts: HeadFacts): string | null {
  const { method, hostHeader, url, requestId, rawHeaders, clientIp } = facts
  const alsoDropped = connectionNames(facts.connection)
  let hosts = 0
  const upgrade = facts.isUpgrade ? UPGRADE_HEADERS : ''
  // Joined of as few pieces as can be: what is joined here is copied piece by piece later.
  let head = `${method}\nhttp://${hostHeader}${url}\n${upgrade}host\n${hostHeader}\n`
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const written = rawHeaders[i]!
    const name = nameLine(written)
    if (name === '') {
      if (written.length === 4 && written.toLowerCase() === 'host') hosts++
      continue
    }
    if (alsoDropped?.has(name.slice(0, -1))) continue
    head += `${name}${rawHeaders[i + 1]}\n`
  }
  if (hosts > 1) return null
  return `${head}x-request-id\n${requestId}\n${clientLines(clientIp, hostHeader)}`
}

function connectionNames(connection: string | undefined): Set<string> | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  return new Set(connection.split(',', 64).map(name => name.trim().toLowerCase()))
}
