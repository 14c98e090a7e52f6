/** Cuts a pattern string into tokens (https://urlpattern.spec.whatwg.org/#tokenizing). */

export type TokenType =
  | 'open'
  | 'close'
  | 'regexp'
  | 'name'
  | 'char'
  | 'escaped-char'
  | 'other-modifier'
  | 'asterisk'
  | 'end'
  | 'invalid-char'

export interface Token {
  type: TokenType
  /** Where it begins in the input, in code units. */
  index: number
  value: string
}

const NAME_START = /^[$_\p{ID_Start}]$/u
/** With the two joiners. */
const NAME_PART = /^(?:\u200C|\u200D|[$\p{ID_Continue}])$/u

const SINGLE: Record<string, TokenType> = {
  '*': 'asterisk',
  '+': 'other-modifier',
  '?': 'other-modifier',
  '{': 'open',
  '}': 'close',
}

export function isNameCharacter(character: string, isFirst: boolean): boolean {
  return (isFirst ? NAME_START : NAME_PART).test(character)
}

/** Lenient: what is malformed becomes a token of its own. Else it throws a TypeError. */
export function tokenize(input: string, isLenient: boolean): Token[] {
  const tokens: Token[] = []
  const characterAt = (at: number) => String.fromCodePoint(input.codePointAt(at)!)
  const add = (type: TokenType, { from, to, valueFrom = from, valueTo = to }: Span) => {
    tokens.push({ type, index: from, value: input.slice(valueFrom, valueTo) })
    return to
  }
  const malformed = (from: number) => {
    if (isLenient) return add('invalid-char', { from, to: from + 1 })
    throw new TypeError(`The pattern "${input}" is malformed at position ${from}.`)
  }
  const readName = (from: number) => {
    let to = from + 1
    while (to < input.length && isNameCharacter(characterAt(to), to === from + 1))
      to += characterAt(to).length
    return to === from + 1 ? malformed(from) : add('name', { from, to, valueFrom: from + 1 })
  }
  const readRegExp = (from: number) => {
    const end = regExpEnd(input, from + 1)
    if (end < 0) return malformed(from)
    return add('regexp', { from, to: end + 1, valueFrom: from + 1, valueTo: end })
  }
  let at = 0
  while (at < input.length) {
    const character = characterAt(at)
    const next = at + character.length
    const single = SINGLE[character]
    if (single !== undefined) at = add(single, { from: at, to: next })
    else if (character === ':') at = readName(at)
    else if (character === '(') at = readRegExp(at)
    else if (character !== '\\') at = add('char', { from: at, to: next })
    else if (next === input.length) at = malformed(at)
    else at = add('escaped-char', { from: at, to: next + characterAt(next).length, valueFrom: next })
  }
  add('end', { from: input.length, to: input.length })
  return tokens
}

interface Span {
  from: number
  to: number
  valueFrom?: number
  valueTo?: number
}

/** Where the parenthesis closes that encloses a regular expression beginning at `start`; -1: it is malformed. */
function regExpEnd(input: string, start: number): number {
  let depth = 1
  for (let at = start; at < input.length; at++) {
    const character = input[at]!
    if (character > '\x7f' || (at === start && character === '?')) return -1
    if (character === '\\') {
      at++
      if (at >= input.length || input[at]! > '\x7f') return -1
    } else if (character === ')') {
      depth--
      if (depth === 0) return at === start ? -1 : at
    } else if (character === '(') {
      depth++
      // Groups that capture would shift the pattern's own.
      if (input[at + 1] !== '?') return -1
    }
  }
  return -1
}
