/** URL patterns, compiled and matched (https://urlpattern.spec.whatwg.org/). */

export * from '../url-pattern.ts'

import { Canonical } from '../url-pattern/canonical.ts'
import { type Component, compileComponent } from '../url-pattern/component.ts'
import {
  COMPONENTS,
  type ComponentName,
  ConstructorString,
  type PatternInit,
} from '../url-pattern/constructor-string.ts'
import { processInit } from '../url-pattern/init.ts'
import type { PatternOptions } from '../url-pattern/parts.ts'
import type { UrlTools } from '../url-pattern.ts'

const PLAIN: PatternOptions = { delimiter: '', prefix: '' }
const HOSTNAME: PatternOptions = { delimiter: '.', prefix: '' }
const PATHNAME: PatternOptions = { delimiter: '/', prefix: '/' }
const SPECIAL_SCHEMES = ['ftp', 'file', 'http', 'https', 'ws', 'wss']

export type PatternInput = string | PatternInit

/** `{ inputs, protocol: { input, groups }, … }`. */
export type PatternResult = Record<string, unknown>

export interface CompiledPattern {
  components: Record<ComponentName, Component>
  /** Null if it does not match. A TypeError for a base URL beside components. */
  match(input: PatternInput, baseUrl: string | undefined): PatternResult | null
}

/** Throws a TypeError for what is malformed. */
export function compile(
  input: PatternInput,
  { baseUrl, ignoreCase, tools }: { baseUrl: string | undefined; ignoreCase: boolean; tools: UrlTools },
): CompiledPattern {
  const canonical = new Canonical(tools)
  const pattern = processInit(initOf(input, baseUrl, canonical), 'pattern', { tools, canonical })
  for (const name of COMPONENTS) pattern[name] ??= '*'
  const port = tools.defaultPort(pattern.protocol!)
  if (typeof port === 'number' && pattern.port === String(port)) pattern.port = ''
  const component = (
    name: ComponentName,
    encode: (text: string) => string,
    options = PLAIN,
    ignoresCase = false,
  ) => compileComponent(pattern[name]!, { options, encode, ignoreCase: ignoresCase })
  const protocol = component('protocol', text => canonical.protocol(text))
  const isIpv6 = /^(?:\[|\{\[|\\\[)/.test(pattern.hostname!)
  const components: Record<ComponentName, Component> = {
    protocol,
    username: component('username', text => canonical.userinfo(text)),
    password: component('password', text => canonical.userinfo(text)),
    hostname: component(
      'hostname',
      text => (isIpv6 ? canonical.ipv6(text) : canonical.hostname(text)),
      HOSTNAME,
    ),
    port: component('port', text => canonical.port(text)),
    pathname: matchesSpecial(protocol)
      ? component('pathname', text => canonical.pathname(text), PATHNAME, ignoreCase)
      : component('pathname', text => canonical.opaquePathname(text), PLAIN, ignoreCase),
    search: component('search', text => canonical.search(text), PLAIN, ignoreCase),
    hash: component('hash', text => canonical.hash(text), PLAIN, ignoreCase),
  }
  return {
    components,
    match(input, baseUrl) {
      const values = valuesOf(input, { baseUrl, canonical, tools })
      if (values === null) return null
      const result: PatternResult = { inputs: baseUrl === undefined ? [input] : [input, baseUrl] }
      for (const name of COMPONENTS) {
        const groups = components[name].match(values[name]!)
        if (groups === null) return null
        result[name] = { input: values[name], groups }
      }
      return result
    },
  }
}

function initOf(input: PatternInput, baseUrl: string | undefined, canonical: Canonical): PatternInit {
  if (typeof input !== 'string') {
    if (baseUrl !== undefined) throw new TypeError('A base URL goes with a pattern that is a string.')
    return input
  }
  const isSpecialProtocol = (protocol: string) =>
    matchesSpecial(
      compileComponent(protocol, {
        options: PLAIN,
        encode: text => canonical.protocol(text),
        ignoreCase: false,
      }),
    )
  const init = new ConstructorString(input, isSpecialProtocol).parse()
  if (baseUrl === undefined && init.protocol === undefined)
    throw new TypeError(`The pattern "${input}" is relative: it needs a base URL.`)
  return baseUrl === undefined ? init : { ...init, baseURL: baseUrl }
}

function matchesSpecial(protocol: Component): boolean {
  return SPECIAL_SCHEMES.some(scheme => protocol.match(scheme) !== null)
}

function valuesOf(
  input: PatternInput,
  { baseUrl, canonical, tools }: { baseUrl: string | undefined; canonical: Canonical; tools: UrlTools },
): PatternInit | null {
  if (typeof input !== 'string') {
    if (baseUrl !== undefined) throw new TypeError('A base URL goes with an input that is a string.')
    try {
      return processInit(input, 'url', { tools, canonical })
    } catch {
      return null
    }
  }
  const base = baseUrl === undefined ? null : tools.parseUrl(baseUrl)
  if (baseUrl !== undefined && base === null) return null
  const url = tools.parseUrl(input, base)
  return (
    url && {
      protocol: url.scheme,
      username: url.username,
      password: url.password,
      hostname: url.host ?? '',
      port: url.port === null ? '' : String(url.port),
      pathname: url.path,
      search: url.query ?? '',
      hash: url.fragment ?? '',
    }
  )
}
