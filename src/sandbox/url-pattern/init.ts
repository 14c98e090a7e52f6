/** Components given one by one, completed from a base URL (https://urlpattern.spec.whatwg.org/#canon-processing-for-init). */
import type { UrlTools } from '../url-pattern.ts'
import type { Canonical } from './canonical.ts'
import { escapePattern } from './component.ts'
import { COMPONENTS, type ComponentName, type PatternInit } from './constructor-string.ts'

/** Of a pattern, or of a URL to be matched: only a URL's components are made canonical. */
export type InitKind = 'pattern' | 'url'

export interface InitTools {
  tools: UrlTools
  canonical: Canonical
}

/** Throws a TypeError for a base URL or a component that is none. */
export function processInit(init: PatternInit, kind: InitKind, { tools, canonical }: InitTools): PatternInit {
  const result: PatternInit = {}
  if (kind === 'url') for (const name of COMPONENTS) result[name] = ''
  const base = init.baseURL === undefined ? null : tools.parseUrl(init.baseURL)
  if (init.baseURL !== undefined && !base) throw new TypeError(`"${init.baseURL}" is no URL.`)
  const inherited = (text: string) => (kind === 'pattern' ? escapePattern(text) : text)
  const lacks = (...names: ComponentName[]) => names.every(name => init[name] === undefined)
  if (base) {
    if (lacks('protocol')) result.protocol = inherited(base.scheme)
    if (kind === 'url' && lacks('protocol', 'hostname', 'port', 'username')) result.username = base.username
    if (kind === 'url' && lacks('protocol', 'hostname', 'port', 'username', 'password'))
      result.password = base.password
    if (lacks('protocol', 'hostname')) result.hostname = inherited(base.host ?? '')
    if (lacks('protocol', 'hostname', 'port')) result.port = base.port === null ? '' : String(base.port)
    if (lacks('protocol', 'hostname', 'port', 'pathname')) result.pathname = inherited(base.path)
    if (lacks('protocol', 'hostname', 'port', 'pathname', 'search'))
      result.search = inherited(base.query ?? '')
    if (lacks('protocol', 'hostname', 'port', 'pathname', 'search', 'hash'))
      result.hash = inherited(base.fragment ?? '')
  }
  const take = (name: ComponentName, text: string | undefined, canonicalize: (text: string) => string) => {
    if (text !== undefined) result[name] = kind === 'pattern' ? text : canonicalize(text)
  }
  take('protocol', init.protocol?.replace(/:$/, ''), text => canonical.protocol(text))
  take('username', init.username, text => canonical.userinfo(text))
  take('password', init.password, text => canonical.userinfo(text))
  take('hostname', init.hostname, text => canonical.hostname(text))
  const protocol = result.protocol ?? ''
  take('port', init.port, text => canonical.port(text, protocol))
  if (init.pathname !== undefined) {
    const resolves = base && !base.opaquePath && !isAbsolute(init.pathname, kind)
    const basePath = resolves ? inherited(base.path) : ''
    const pathname = basePath.slice(0, basePath.lastIndexOf('/') + 1) + init.pathname
    const isStandard = protocol === '' || tools.isSpecial(protocol)
    take('pathname', pathname, text =>
      isStandard ? canonical.pathname(text) : canonical.opaquePathname(text),
    )
  }
  take('search', init.search?.replace(/^\?/, ''), text => canonical.search(text))
  take('hash', init.hash?.replace(/^#/, ''), text => canonical.hash(text))
  return result
}

function isAbsolute(pathname: string, kind: InitKind): boolean {
  return pathname[0] === '/' || (kind === 'pattern' && /^(?:\\|\{)\//.test(pathname))
}
