/** Components as URLs have them (https://urlpattern.spec.whatwg.org/#canon-encoding-callbacks). Empty stays empty. */
import type { UrlTools } from '../url-pattern.ts'
import type { UrlRecord } from '../url-record.ts'

export class Canonical {
  readonly #tools: UrlTools

  constructor(tools: UrlTools) {
    this.#tools = tools
  }

  protocol(value: string): string {
    if (value === '') return value
    const url = this.#tools.parseUrl(`${value}://dummy.invalid/`)
    return url ? url.scheme : refuse('protocol', value)
  }

  userinfo(value: string): string {
    return this.#tools.encodeUserinfo(value)
  }

  hostname(value: string): string {
    if (value === '') return value
    const url = this.#dummy('https')
    url.host = null
    this.#tools.assignHost(url, value, false)
    return url.host ?? refuse('hostname', value)
  }

  ipv6(value: string): string {
    return /^[0-9a-f[\]:]*$/i.test(value) ? value.toLowerCase() : refuse('hostname', value)
  }

  /** `protocol`: its default port is left out. */
  port(value: string, protocol = ''): string {
    if (value === '') return value
    const url = this.#dummy(protocol)
    const digits = /^[0-9]*/.exec(value.replace(/[\t\n\r]/g, ''))![0]
    if (digits === '' || !this.#tools.setPort(url, digits)) refuse('port', value)
    return url.port === null ? '' : String(url.port)
  }

  pathname(value: string): string {
    if (value === '') return value
    const url = this.#dummy('https')
    const isAbsolute = value[0] === '/'
    // A dot segment at the beginning is none as long as something may come before it.
    this.#tools.assignPathname(url, isAbsolute ? value : `/-${value}`)
    return isAbsolute ? url.path : url.path.slice(2)
  }

  opaquePathname(value: string): string {
    return value === ''
      ? value
      : (this.#tools.parseUrl(`data:${value.replace(/[?#].*/s, '')}`)?.path ?? value)
  }

  search(value: string): string {
    const url = this.#dummy('https')
    this.#tools.assignSearch(url, value === '' ? '' : `?${value}`)
    return url.query ?? ''
  }

  hash(value: string): string {
    const url = this.#dummy('https')
    this.#tools.assignHash(url, value === '' ? '' : `#${value}`)
    return url.fragment ?? ''
  }

  #dummy(scheme: string): UrlRecord {
    const rest = {
      username: '',
      password: '',
      port: null,
      path: '',
      opaquePath: false,
      query: null,
      fragment: null,
    }
    return { scheme, host: 'dummy.invalid', ...rest }
  }
}

function refuse(component: string, value: string): never {
  throw new TypeError(`"${value}" is no ${component} of a URL.`)
}
