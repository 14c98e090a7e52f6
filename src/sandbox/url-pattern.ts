/** URLPattern: the interface; what it stands for is compiled by a part. */
import type { CompiledPattern, PatternInput, PatternResult } from './parts/url-pattern.ts'
import { loadPart } from './parts.ts'
import { percentEncode, USERINFO } from './percent.ts'
import { parseUrl, setPort } from './url-parser.ts'
import type { PatternInit } from './url-pattern/constructor-string.ts'
import { defaultPort, isSpecial } from './url-record.ts'
import { assignHash, assignHost, assignPathname, assignSearch } from './url-setters.ts'
import { defineInterface, dictionary, isObject, usvString } from './webidl.ts'

/** What the part needs of URLs, so that it does not bring a parser of its own. */
const tools = {
  assignHash,
  assignHost,
  assignPathname,
  assignSearch,
  defaultPort,
  encodeUserinfo: (text: string) => percentEncode(text, USERINFO),
  isSpecial,
  parseUrl,
  setPort,
}

export type UrlTools = typeof tools

/** In the order in which a dictionary's members are read. */
const MEMBERS = [
  'baseURL',
  'hash',
  'hostname',
  'password',
  'pathname',
  'port',
  'protocol',
  'search',
  'username',
] as const

type Part = typeof import('./parts/url-pattern.ts')

export class URLPattern {
  #compiled: CompiledPattern

  constructor(input: unknown = {}, baseOrOptions: unknown = undefined, options: unknown = undefined) {
    const context = "Failed to construct 'URLPattern'"
    const pattern = inputOf(input, context)
    const hasBase = baseOrOptions !== undefined && baseOrOptions !== null && !isObject(baseOrOptions)
    const baseUrl = hasBase ? usvString(baseOrOptions) : undefined
    const { ignoreCase } = dictionary(hasBase ? options : baseOrOptions, context)
    const part = loadPart<Part>('url-pattern')
    this.#compiled = part.compile(pattern, { baseUrl, ignoreCase: !!ignoreCase, tools })
  }

  test(input: unknown = {}, baseURL: unknown = undefined): boolean {
    return match(this.#compiled, "Failed to execute 'test' on 'URLPattern'", input, baseURL) !== null
  }

  exec(input: unknown = {}, baseURL: unknown = undefined): PatternResult | null {
    return match(this.#compiled, "Failed to execute 'exec' on 'URLPattern'", input, baseURL)
  }

  get protocol(): string {
    return this.#compiled.components.protocol.pattern
  }

  get username(): string {
    return this.#compiled.components.username.pattern
  }

  get password(): string {
    return this.#compiled.components.password.pattern
  }

  get hostname(): string {
    return this.#compiled.components.hostname.pattern
  }

  get port(): string {
    return this.#compiled.components.port.pattern
  }

  get pathname(): string {
    return this.#compiled.components.pathname.pattern
  }

  get search(): string {
    return this.#compiled.components.search.pattern
  }

  get hash(): string {
    return this.#compiled.components.hash.pattern
  }

  get hasRegExpGroups(): boolean {
    const { protocol, username, password, hostname, port, pathname, search, hash } = this.#compiled.components
    return (
      protocol.hasRegExpGroups ||
      username.hasRegExpGroups ||
      password.hasRegExpGroups ||
      hostname.hasRegExpGroups ||
      port.hasRegExpGroups ||
      pathname.hasRegExpGroups ||
      search.hasRegExpGroups ||
      hash.hasRegExpGroups
    )
  }
}

defineInterface('URLPattern', URLPattern)

function match(
  compiled: CompiledPattern,
  context: string,
  input: unknown,
  baseURL: unknown,
): PatternResult | null {
  const given = inputOf(input, context)
  return compiled.match(given, baseURL === undefined ? undefined : usvString(baseURL))
}

/** A string or a dictionary of components. */
function inputOf(value: unknown, context: string): PatternInput {
  if (value !== undefined && value !== null && !isObject(value)) return usvString(value)
  const members = dictionary(value, context)
  const init: PatternInit = {}
  for (let i = 0; i < MEMBERS.length; i++) {
    const member = members[MEMBERS[i]!]
    if (member !== undefined) init[MEMBERS[i]!] = usvString(member)
  }
  return init
}
