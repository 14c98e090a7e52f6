/** A component's pattern as parts (https://urlpattern.spec.whatwg.org/#pattern-strings). */
import { type Token, type TokenType, tokenize } from './tokenizer.ts'

export interface PatternOptions {
  /** What ends a segment: one character, or empty. */
  delimiter: string
  /** What may stand before a group as a part of it: one character, or empty. */
  prefix: string
}

export type Modifier = '' | '?' | '*' | '+'

export interface Part {
  type: 'fixed-text' | 'regexp' | 'segment-wildcard' | 'full-wildcard'
  value: string
  modifier: Modifier
  name: string
  prefix: string
  suffix: string
}

const REGEXP_SPECIAL = /[.+*?^${}()[\]|/\\]/g
const FULL_WILDCARD = '.*'

export function escapeRegExp(text: string): string {
  return text.replace(REGEXP_SPECIAL, '\\$&')
}

export function segmentWildcard({ delimiter }: PatternOptions): string {
  return `[^${escapeRegExp(delimiter)}]+?`
}

/** `encode` makes fixed text canonical, or throws a TypeError. */
export function parsePattern(
  input: string,
  options: PatternOptions,
  encode: (text: string) => string,
): Part[] {
  const parser = new Parser(tokenize(input, false), { input, options, encode })
  return parser.parse()
}

class Parser {
  readonly #tokens: Token[]
  readonly #input: string
  readonly #options: PatternOptions
  readonly #encode: (text: string) => string
  readonly #parts: Part[] = []
  #pending = ''
  #at = 0
  #nextName = 0

  constructor(
    tokens: Token[],
    { input, options, encode }: { input: string; options: PatternOptions; encode: (text: string) => string },
  ) {
    this.#tokens = tokens
    this.#input = input
    this.#options = options
    this.#encode = encode
  }

  parse(): Part[] {
    while (this.#at < this.#tokens.length) this.#parseNext()
    return this.#parts
  }

  #parseNext(): void {
    const char = this.#take('char')
    const name = this.#take('name')
    const matcher = this.#takeMatcher(name)
    if (name || matcher) {
      let prefix = char?.value ?? ''
      if (prefix !== '' && prefix !== this.#options.prefix) {
        this.#pending += prefix
        prefix = ''
      }
      this.#addPending()
      return this.#addPart({ prefix, name, matcher, suffix: '', modifier: this.#takeModifier() })
    }
    const fixed = char ?? this.#take('escaped-char')
    if (fixed) {
      this.#pending += fixed.value
      return
    }
    if (this.#take('open')) {
      const prefix = this.#takeText()
      const name = this.#take('name')
      const matcher = this.#takeMatcher(name)
      const suffix = this.#takeText()
      this.#require('close')
      return this.#addPart({ prefix, name, matcher, suffix, modifier: this.#takeModifier() })
    }
    this.#addPending()
    this.#require('end')
  }

  #take(...types: TokenType[]): Token | null {
    const token = this.#tokens[this.#at]
    if (!token || !types.includes(token.type)) return null
    this.#at++
    return token
  }

  #require(type: TokenType): void {
    if (this.#take(type)) return
    const { index = this.#input.length } = this.#tokens[this.#at] ?? {}
    throw new TypeError(`The pattern "${this.#input}" is malformed at position ${index}.`)
  }

  #takeMatcher(name: Token | null): Token | null {
    return this.#take('regexp') ?? (name ? null : this.#take('asterisk'))
  }

  #takeModifier(): Modifier {
    return (this.#take('other-modifier', 'asterisk')?.value ?? '') as Modifier
  }

  #takeText(): string {
    let text = ''
    for (let token = this.#take('char', 'escaped-char'); token; token = this.#take('char', 'escaped-char'))
      text += token.value
    return text
  }

  #addPending(): void {
    if (this.#pending === '') return
    const value = this.#encode(this.#pending)
    this.#pending = ''
    this.#parts.push({ type: 'fixed-text', value, modifier: '', name: '', prefix: '', suffix: '' })
  }

  #addPart({
    prefix,
    name,
    matcher,
    suffix,
    modifier,
  }: {
    prefix: string
    name: Token | null
    matcher: Token | null
    suffix: string
    modifier: Modifier
  }): void {
    if (!name && !matcher) {
      if (modifier === '') {
        this.#pending += prefix
        return
      }
      this.#addPending()
      if (prefix === '') return
      const value = this.#encode(prefix)
      this.#parts.push({ type: 'fixed-text', value, modifier, name: '', prefix: '', suffix: '' })
      return
    }
    this.#addPending()
    const wildcard = segmentWildcard(this.#options)
    const value = !matcher ? wildcard : matcher.type === 'asterisk' ? FULL_WILDCARD : matcher.value
    const type =
      value === wildcard ? 'segment-wildcard' : value === FULL_WILDCARD ? 'full-wildcard' : 'regexp'
    const groupName = name ? name.value : String(this.#nextName++)
    if (this.#parts.some(part => part.name === groupName))
      throw new TypeError(`The pattern "${this.#input}" names two groups "${groupName}".`)
    this.#parts.push({
      type,
      value: type === 'regexp' ? value : '',
      modifier,
      name: groupName,
      prefix: this.#encode(prefix),
      suffix: this.#encode(suffix),
    })
  }
}
