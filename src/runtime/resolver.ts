/**
 * Turns the host names of subrequests into addresses.
 *
 * The system's own resolver (getaddrinfo) occupies one of a few threads until an answer comes, so an app that
 * asks for names whose servers never answer would stop all others. Here names are asked over sockets by c-ares,
 * each app has a bound of its own, and the hosts file is read because nothing else would. Search domains are not
 * applied. Nothing is cached: a connection that is kept alive is what saves a look-up.
 */
import { Resolver as DnsResolver } from 'node:dns/promises'
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SubrequestError } from './subrequest-error.ts'

export interface ResolvedAddress {
  address: string
  family: 4 | 6
}

export interface ResolverOptions {
  /** `IP` or `IP:PORT` of name servers. Default: the system's. */
  servers?: readonly string[]
  hostsFile?: string
  /** How long one question may take; it is asked twice. */
  queryMs?: number
  /** Names that one app may have under way at once. */
  perAppMax?: number
}

const QUERY_TRIES = 2
/** More addresses of one family than this are not tried. */
const ADDRESSES_MAX = 8
/** How long IPv6 may lag behind IPv4 before it is left out: some name servers never answer for it. */
const IPV6_LAG_MS = 300
/** The system's list of name servers is read again after this, since networks change. */
const SERVERS_AGE_MS_MAX = 30_000

const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

export class Resolver {
  readonly #options: Required<ResolverOptions>
  readonly #underWay = new Map<string, Map<string, Promise<ResolvedAddress[]>>>()
  readonly #hosts: HostsFile
  #dns: DnsResolver | null = null
  #dnsSince = 0

  constructor({
    servers = [],
    hostsFile = '/etc/hosts',
    queryMs = 2000,
    perAppMax = 128,
  }: ResolverOptions = {}) {
    this.#options = { servers, hostsFile, queryMs, perAppMax }
    this.#hosts = new HostsFile(hostsFile)
  }

  /**
   * The addresses of a name, IPv4 first, at least one. Rejects with a `SubrequestError`. An app that asks for a
   * name twice at once shares the answer with itself.
   */
  resolve(hostname: string, app: string): Promise<ResolvedAddress[]> {
    const names = this.#underWay.get(app) ?? new Map<string, Promise<ResolvedAddress[]>>()
    const pending = names.get(hostname)
    if (pending) return pending
    if (names.size >= this.#options.perAppMax) {
      return Promise.reject(new SubrequestError('too many DNS look-ups of the app are under way'))
    }
    const answer = this.#resolve(hostname).finally(() => {
      names.delete(hostname)
      if (names.size === 0) this.#underWay.delete(app)
    })
    this.#underWay.set(app, names.set(hostname, answer))
    return answer
  }

  async #resolve(hostname: string): Promise<ResolvedAddress[]> {
    const name = hostname.toLowerCase().replace(/\.$/, '')
    // RFC 6761: these names are this machine's, whatever a name server says.
    if (name === 'localhost' || name.endsWith('.localhost')) return [...ipv4(['127.0.0.1']), ...ipv6(['::1'])]
    const listed = await this.#hosts.find(name)
    return listed.length > 0 ? listed : this.#ask(name)
  }

  async #ask(name: string): Promise<ResolvedAddress[]> {
    const dns = this.#client()
    const six = dns.resolve6(name).then(ipv6, (error: Error) => error)
    const four = await dns.resolve4(name).then(ipv4, (error: Error) => error)
    if (!(four instanceof Error)) {
      const late = await Promise.race([six, sleep(IPV6_LAG_MS, null, { ref: false })])
      return Array.isArray(late) ? [...four, ...late] : four
    }
    const only = await six
    if (!(only instanceof Error)) return only
    throw failure(name, [four, only])
  }

  #client(): DnsResolver {
    const now = performance.now()
    if (!this.#dns || now - this.#dnsSince > SERVERS_AGE_MS_MAX) {
      const { queryMs, servers } = this.#options
      this.#dns = new DnsResolver({ timeout: queryMs, maxTimeout: queryMs, tries: QUERY_TRIES })
      this.#dnsSince = now
      if (servers.length > 0) this.#dns.setServers(servers)
    }
    return this.#dns
  }
}

function failure(name: string, errors: NodeJS.ErrnoException[]): SubrequestError {
  const worst = errors.find(({ code = '' }) => !NO_SUCH_NAME.has(code))
  const cause = worst ?? errors[0]
  const code = cause?.code
  if (!worst) return new SubrequestError(`the name ${name} has no address`, { code: 'ENOTFOUND', cause })
  return new SubrequestError(`the name ${name} could not be resolved: ${code}`, { code, cause })
}

function ipv4(addresses: string[]): ResolvedAddress[] {
  return addresses.slice(0, ADDRESSES_MAX).map(address => ({ address, family: 4 }))
}

function ipv6(addresses: string[]): ResolvedAddress[] {
  return addresses.slice(0, ADDRESSES_MAX).map(address => ({ address, family: 6 }))
}

/** The hosts file, read again when it has changed. One that cannot be read is empty. */
class HostsFile {
  readonly #path: string
  #version = ''
  #entries = new Map<string, ResolvedAddress[]>()

  constructor(path: string) {
    this.#path = path
  }

  async find(name: string): Promise<ResolvedAddress[]> {
    const { mtimeMs, size } = await stat(this.#path).catch(() => ({ mtimeMs: 0, size: 0 }))
    const version = `${mtimeMs} ${size}`
    if (version !== this.#version) {
      this.#entries = parseHosts(await readFile(this.#path, 'utf8').catch(() => ''))
      this.#version = version
    }
    return this.#entries.get(name) ?? []
  }
}

function parseHosts(text: string): Map<string, ResolvedAddress[]> {
  const entries = new Map<string, ResolvedAddress[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const family = isIP(address)
    if (family === 0) continue
    for (const name of names) {
      const key = name.toLowerCase()
      entries.set(key, [...(entries.get(key) ?? []), { address, family: family as 4 | 6 }])
    }
  }
  return entries
}
