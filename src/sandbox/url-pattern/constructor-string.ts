/** A whole pattern as one string, cut into components (https://urlpattern.spec.whatwg.org/#constructor-string-parsing). */
import { type Token, tokenize } from './tokenizer.ts'

export const COMPONENTS = [
  'protocol',
  'username',
  'password',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const

export type ComponentName = (typeof COMPONENTS)[number]
export type PatternInit = Partial<Record<ComponentName | 'baseURL', string>>

type State = ComponentName | 'init' | 'authority' | 'done'

const BEFORE_HOSTNAME: readonly State[] = ['protocol', 'authority', 'username', 'password']
const BEFORE_PATHNAME: readonly State[] = [...BEFORE_HOSTNAME, 'hostname', 'port']
const NOT_BEFORE_QUESTION_MARK = ['name', 'regexp', 'close', 'asterisk']

export class ConstructorString {
  readonly #input: string
  readonly #tokens: Token[]
  readonly #isSpecialProtocol: (pattern: string) => boolean
  readonly #result: PatternInit = {}
  #state: State = 'init'
  #start = 0
  #at = 0
  #step = 1
  #groups = 0
  #brackets = 0
  #isSpecial = false

  /** `isSpecialProtocol`: whether a pattern of protocols matches one of the special schemes. */
  constructor(input: string, isSpecialProtocol: (pattern: string) => boolean) {
    this.#input = input
    this.#tokens = tokenize(input, true)
    this.#isSpecialProtocol = isSpecialProtocol
  }

  parse(): PatternInit {
    for (; this.#at < this.#tokens.length; this.#at += this.#step) {
      this.#step = 1
      const { type } = this.#tokens[this.#at]!
      if (type === 'end') {
        if (this.#state === 'init') this.#endOfRelative()
        else if (this.#state === 'authority') this.#rewind('hostname')
        else {
          this.#change('done', 0)
          break
        }
      } else if (type === 'open') this.#groups++
      else if (this.#groups > 0 && type !== 'close') {
        // Within a group nothing delimits components.
      } else {
        if (this.#groups > 0) this.#groups--
        this.#take()
      }
    }
    if (this.#result.hostname !== undefined) this.#result.port ??= ''
    return this.#result
  }

  #endOfRelative(): void {
    this.#rewind('init')
    if (this.#is('#')) this.#change('hash', 1)
    else if (this.#isSearchPrefix()) this.#change('search', 1)
    else this.#change('pathname', 0)
  }

  #take(): void {
    switch (this.#state) {
      case 'init':
        if (this.#is(':')) this.#rewind('protocol')
        return
      case 'protocol':
        if (this.#is(':')) this.#endProtocol()
        return
      case 'authority':
        if (this.#is('@')) this.#rewind('username')
        else if (this.#is('/') || this.#isSearchPrefix() || this.#is('#')) this.#rewind('hostname')
        return
      case 'username':
        if (this.#is(':')) this.#change('password', 1)
        else if (this.#is('@')) this.#change('hostname', 1)
        return
      case 'password':
        if (this.#is('@')) this.#change('hostname', 1)
        return
      case 'hostname':
        if (this.#is('[')) this.#brackets++
        else if (this.#is(']')) this.#brackets--
        else if (this.#is(':') && this.#brackets === 0) this.#change('port', 1)
        else this.#endAuthority()
        return
      case 'port':
        return this.#endAuthority()
      case 'pathname':
        if (this.#isSearchPrefix()) this.#change('search', 1)
        else if (this.#is('#')) this.#change('hash', 1)
        return
      case 'search':
        if (this.#is('#')) this.#change('hash', 1)
        return
    }
  }

  #endProtocol(): void {
    this.#isSpecial = this.#isSpecialProtocol(this.#component())
    if (this.#is('/', 1) && this.#is('/', 2)) this.#change('authority', 3)
    else this.#change(this.#isSpecial ? 'authority' : 'pathname', 1)
  }

  #endAuthority(): void {
    if (this.#is('/')) this.#change('pathname', 0)
    else if (this.#isSearchPrefix()) this.#change('search', 1)
    else if (this.#is('#')) this.#change('hash', 1)
  }

  #rewind(state: State): void {
    this.#at = this.#start
    this.#step = 0
    this.#state = state
  }

  /** What the new state shows to be empty rather than open is so. */
  #change(state: State, skip: number): void {
    const before = this.#state
    const result = this.#result
    if (before !== 'init' && before !== 'authority' && before !== 'done') result[before] = this.#component()
    if (before !== 'init' && state !== 'done') {
      const isBehindHostname =
        state === 'port' || state === 'pathname' || state === 'search' || state === 'hash'
      if (BEFORE_HOSTNAME.includes(before) && isBehindHostname) result.hostname ??= ''
      if (BEFORE_PATHNAME.includes(before) && (state === 'search' || state === 'hash'))
        result.pathname ??= this.#isSpecial ? '/' : ''
      if ((BEFORE_PATHNAME.includes(before) || before === 'pathname') && state === 'hash')
        result.search ??= ''
    }
    this.#state = state
    this.#at += skip
    this.#start = this.#at
    this.#step = 0
  }

  #token(index: number): Token {
    return this.#tokens[index] ?? this.#tokens.at(-1)!
  }

  #is(value: string, ahead = 0): boolean {
    const token = this.#token(this.#at + ahead)
    return token.value === value && ['char', 'escaped-char', 'invalid-char'].includes(token.type)
  }

  #isSearchPrefix(): boolean {
    if (this.#is('?')) return true
    if (this.#token(this.#at).value !== '?') return false
    return this.#at === 0 || !NOT_BEFORE_QUESTION_MARK.includes(this.#token(this.#at - 1).type)
  }

  #component(): string {
    return this.#input.slice(this.#token(this.#start).index, this.#token(this.#at).index)
  }
}
