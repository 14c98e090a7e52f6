/**
 * Where apps may connect to: the public internet, and what the operator has opened.
 *
 * An address is judged when it is about to be connected to, so neither a redirect, nor a name that resolves to a
 * private address, nor one that resolves differently the second time gets past: names are resolved once, what
 * is not allowed is dropped from the answer, and the socket connects to what remains. IP literals, for which
 * Node asks no resolver, are judged before the socket exists.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'
import type { buildConnector } from 'undici'
import { VitrineError } from '../errors.ts'
import { HAPPY_EYEBALLS } from '../happy-eyeballs.ts'
import type { ResolvedAddress } from './resolver.ts'
import { SubrequestError } from './subrequest-error.ts'
import type { TlsConnector } from './tls-client.ts'

type Ip = ipaddr.IPv4 | ipaddr.IPv6
type Range = [Ip, number]

/** All of IPv6 that is handed out to the public so far; whatever lies outside is no host of the internet. */
const GLOBAL_UNICAST = range('2000::', 3)
/** Answers metadata requests of Azure's virtual machines, and looks public. */
const AZURE_METADATA = range('168.63.129.16', 32)
/** Ranges in which an IPv4 address is hidden, and the first of its bytes. */
const EMBEDDED: [Range, number][] = [
  [range('::ffff:0:0', 96), 12],
  [range('64:ff9b::', 96), 12],
  [range('2002::', 16), 2],
]

/** ipaddr.js' names of ranges, in words. Those not listed are reserved in one way or another. */
const KINDS: Record<string, string> = {
  broadcast: 'broadcast',
  carrierGradeNat: 'shared (carrier-grade NAT)',
  ipv4Mapped: 'an IPv4 address in the form of an IPv6 address',
  linkLocal: 'link-local',
  loopback: 'loopback',
  multicast: 'multicast',
  private: 'private',
  rfc6052: 'an IPv4 address in the form of an IPv6 address',
  rfc6145: 'an IPv4 address in the form of an IPv6 address',
  teredo: 'a tunnel to an IPv4 address',
  '6to4': 'a tunnel to an IPv4 address',
  uniqueLocal: 'private',
  unspecified: 'unspecified',
}

/** https://fetch.spec.whatwg.org/#port-blocking: ports of services that an HTTP request could be mistaken by. */
const BAD_PORTS = new Set(
  (
    '0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 ' +
    '123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 ' +
    '990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080'
  ).split(' '),
)

/** Decides by address. Immutable. */
export class EgressPolicy {
  readonly #open: Range[]
  readonly #ownAddresses: () => string[]

  /**
   * `allow` opens ranges (`10.1.0.0/16`, `::1/128`) or single addresses. Throws `CONFIG_INVALID` as
   * `parseEgressAllow`. `ownAddresses` tells the addresses of this machine, at present those of its interfaces:
   * through them the platform's own listeners could be reached from within, past any firewall.
   */
  constructor(allow: readonly string[], { ownAddresses = interfaceAddresses } = {}) {
    this.#open = parseEgressAllow(allow)
    this.#ownAddresses = ownAddresses
  }

  /** Whether an app may connect to this address. What is not the usual notation of an IP address is refused. */
  allows(address: string): boolean {
    return this.refusal(address) === null
  }

  /** Why the address is refused, in words that follow "it is"; null if it is allowed. */
  refusal(address: string): string | null {
    if (isIP(address) === 0 || address.includes('%')) return 'no IP address in the usual notation'
    const ip = ipaddr.parse(address)
    if (!this.#open.some(range => isIn(ip, range))) {
      const kind = specialKind(ip)
      if (kind) return kind
      if (this.#ownAddresses().includes(ip.toString())) return 'an address of this machine'
    }
    // An opened translation range (NAT64, say) does not open the private addresses that can be written in it.
    const hidden = embeddedIpv4(ip)
    return hidden && this.refusal(hidden.toString())
  }
}

/** Reads a list of CIDR ranges and single addresses. Throws `CONFIG_INVALID` naming the first malformed one. */
export function parseEgressAllow(list: readonly string[]): Range[] {
  return list.map(text => {
    const [, address = '', bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
    const bitsMax = { 0: -1, 4: 32, 6: 128 }[isIP(address)]!
    const prefix = bits === undefined ? bitsMax : Number(bits)
    if (bitsMax < 0 || prefix > bitsMax) {
      throw new VitrineError(
        'CONFIG_INVALID',
        `--egress-allow: "${text}" is no address range; write it like 10.0.0.0/8 or fd00::/8`,
      )
    }
    return range(address, prefix)
  })
}

/**
 * Reads a URL that an app, or a server by a redirect, has named. Throws a `SubrequestError` unless it is http or
 * https, on a port that is not blocked, and without credentials. The URL standard's parser has by then turned
 * every notation of an IPv4 address (decimal, octal, hexadecimal, short) into the usual one.
 */
export function parseTarget(text: string, base?: URL): URL {
  const url = URL.parse(text, base)
  if (!url) throw new SubrequestError('the URL is invalid')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new SubrequestError(`the scheme ${url.protocol.slice(0, 20)} is not supported: use http: or https:`)
  }
  if (BAD_PORTS.has(url.port)) throw new SubrequestError(`port ${url.port} is not allowed`)
  if (url.username !== '' || url.password !== '') {
    throw new SubrequestError('the URL holds credentials: send them in the authorization header')
  }
  return url
}

export interface GuardOptions {
  /** On whose behalf. */
  app: string
  policy: EgressPolicy
  tls: TlsConnector
  resolve: (hostname: string) => Promise<ResolvedAddress[]>
  /** For resolving, connecting and TLS's handshake together. */
  connectMs: number
}

/** A connection that is being made. */
export interface Connecting {
  destroy(reason: Error): unknown
}

/** What undici asks for a connection, though what is to be destroyed while it connects is returned as well. */
type Connect = (options: buildConnector.Options, done: buildConnector.Callback) => Connecting | null

/** Makes a function that connects for an undici `Client` to where `policy` allows. TLS certificates are always verified. */
export function guardedConnect(options: GuardOptions): Connect {
  const { policy, connectMs } = options
  const resolve = allowedAddresses(options)
  const lookup = lookupOf(resolve)

  return ({ hostname, protocol, port }, done) => {
    const refusal = isIP(hostname) ? policy.refusal(hostname) : null
    if (refusal) {
      const error = new SubrequestError(`address ${hostname} is not allowed: it is ${refusal}`)
      queueMicrotask(() => done(error, null))
      return null
    }
    if (protocol === 'https:') {
      return connectSecure(options, {
        hostname,
        port: Number(port) || 443,
        addresses: resolve(hostname),
        done,
      })
    }
    const socket = connectTcp({ host: hostname, port: Number(port) || 80, lookup, ...HAPPY_EYEBALLS })
    settle(socket, { connectMs, done })
    return socket
  }
}

interface Wanted {
  hostname: string
  port: number
  addresses: Promise<ResolvedAddress[]>
  done: buildConnector.Callback
}

function connectSecure(
  { app, tls, connectMs }: GuardOptions,
  { hostname, port, addresses, done }: Wanted,
): Connecting {
  const ended = new AbortController()
  const timer = setTimeout(() => ended.abort(tooLate(connectMs)), connectMs)
  const connect = async () => {
    const question = { app, addresses: await addresses, port, hostname: hostname.replace(/\.$/, '') }
    return await tls.connect(question, ended.signal)
  }
  const late = new Promise<never>((_, reject) => {
    ended.signal.addEventListener('abort', () => reject(ended.signal.reason as Error))
  })
  Promise.race([connect(), late])
    .finally(() => clearTimeout(timer))
    .then(
      socket => done(null, socket),
      (error: Error) => done(error, null),
    )
  return { destroy: reason => ended.abort(reason) }
}

function tooLate(connectMs: number): SubrequestError {
  return new SubrequestError(`no connection within ${connectMs} ms`, { code: 'ETIMEDOUT' })
}

/** Calls `done` once: when the socket is ready, has failed, or has taken too long. */
function settle(socket: Socket, { connectMs, done }: { connectMs: number; done: buildConnector.Callback }) {
  const timer = setTimeout(() => socket.destroy(tooLate(connectMs)), connectMs)
  const ready = () => {
    clearTimeout(timer)
    socket.off('error', failed)
    done(null, socket)
  }
  const failed = (error: Error) => {
    clearTimeout(timer)
    done(error, null)
  }
  socket.setNoDelay(true)
  socket.once('connect', ready)
  socket.once('error', failed)
}

type LookupDone = (error: Error | null, addresses: ResolvedAddress[]) => void

/** The addresses of a name to which the app may connect, at least one; those that it may not are dropped. */
function allowedAddresses({ policy, resolve }: Pick<GuardOptions, 'policy' | 'resolve'>) {
  return async (hostname: string): Promise<ResolvedAddress[]> => {
    const family = isIP(hostname) as 0 | 4 | 6
    const addresses = family ? [{ address: hostname, family }] : await resolve(hostname)
    let refusal: string | null = null
    const allowed = addresses.filter(({ address }) => {
      const reason = policy.refusal(address)
      refusal ??= reason
      return reason === null
    })
    if (allowed.length > 0) return allowed
    // Without the address: that would let an app read the private network's names.
    throw new SubrequestError(`the address of ${hostname} is not allowed: it is ${refusal}`)
  }
}

/** As Node's `lookup`. */
function lookupOf(resolve: (hostname: string) => Promise<ResolvedAddress[]>) {
  return (hostname: string, _options: unknown, done: unknown) => {
    const callback = done as LookupDone
    resolve(hostname).then(
      addresses => callback(null, addresses),
      error => callback(error, []),
    )
  }
}

function specialKind(ip: Ip): string | null {
  const kind: string = ip.range()
  if (kind !== 'unicast') return KINDS[kind] ?? 'reserved'
  if (isIn(ip, AZURE_METADATA)) return 'a metadata service'
  return ip.kind() === 'ipv6' && !isIn(ip, GLOBAL_UNICAST) ? 'reserved' : null
}

function embeddedIpv4(ip: Ip): Ip | null {
  const found = EMBEDDED.find(([range]) => isIn(ip, range))
  return found ? ipaddr.fromByteArray(ip.toByteArray().slice(found[1], found[1] + 4)) : null
}

function isIn(ip: Ip, [base, bits]: Range): boolean {
  return ip.kind() === base.kind() && ip.match(base, bits)
}

function range(address: string, bits: number): Range {
  return [ipaddr.parse(address), bits]
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap(list => list?.map(({ address }) => address) ?? [])
}
