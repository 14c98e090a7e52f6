/** One component of a URL pattern, compiled (https://urlpattern.spec.whatwg.org/#components). */
import { escapeRegExp, type Part, type PatternOptions, parsePattern, segmentWildcard } from './parts.ts'
import { isNameCharacter } from './tokenizer.ts'

export interface Component {
  /** The pattern, normalized. */
  pattern: string
  hasRegExpGroups: boolean
  /** The groups by name, or null if the input does not match. */
  match(input: string): Record<string, string | undefined> | null
}

const PATTERN_SPECIAL = /[+*?:{}()\\]/g

export function escapePattern(text: string): string {
  return text.replace(PATTERN_SPECIAL, '\\$&')
}

export function compileComponent(
  pattern: string,
  {
    options,
    encode,
    ignoreCase,
  }: { options: PatternOptions; encode: (text: string) => string; ignoreCase: boolean },
): Component {
  const parts = parsePattern(pattern, options, encode)
  const names = parts.filter(({ type }) => type !== 'fixed-text').map(({ name }) => name)
  const expression = compileExpression(parts, options, ignoreCase)
  return {
    pattern: patternString(parts, options),
    hasRegExpGroups: parts.some(({ type }) => type === 'regexp'),
    match(input) {
      const found = expression.exec(input)
      return found && Object.fromEntries(names.map((name, index) => [name, found[index + 1]]))
    },
  }
}

function compileExpression(parts: readonly Part[], options: PatternOptions, ignoreCase: boolean): RegExp {
  const source = `^${parts.map(part => expressionOf(part, options)).join('')}$`
  try {
    return new RegExp(source, ignoreCase ? 'vi' : 'v')
  } catch (error) {
    throw new TypeError(`The pattern's regular expression is malformed: ${(error as Error).message}`)
  }
}

function expressionOf({ type, value, modifier, prefix, suffix }: Part, options: PatternOptions): string {
  if (type === 'fixed-text')
    return modifier === '' ? escapeRegExp(value) : `(?:${escapeRegExp(value)})${modifier}`
  const match = type === 'regexp' ? value : type === 'segment-wildcard' ? segmentWildcard(options) : '.*'
  const isRepeated = modifier === '*' || modifier === '+'
  if (prefix === '' && suffix === '')
    return isRepeated ? `((?:${match})${modifier})` : `(${match})${modifier}`
  const before = escapeRegExp(prefix)
  const behind = escapeRegExp(suffix)
  if (!isRepeated) return `(?:${before}(${match})${behind})${modifier}`
  const all = `(?:${before}((?:${match})(?:${behind}${before}(?:${match}))*)${behind})`
  return modifier === '*' ? `${all}?` : all
}

function patternString(parts: readonly Part[], options: PatternOptions): string {
  let text = ''
  for (const [index, part] of parts.entries()) {
    const previous = parts[index - 1]
    const { type, value, modifier, name, prefix, suffix } = part
    if (type === 'fixed-text') {
      text += modifier === '' ? escapePattern(value) : `{${escapePattern(value)}}${modifier}`
      continue
    }
    const isNamed = !/^[0-9]/.test(name)
    const isGrouped = needsGroup({ part, previous, next: parts[index + 1], isNamed }, options)
    if (isGrouped) text += '{'
    text += escapePattern(prefix)
    if (isNamed) text += `:${name}`
    if (type === 'regexp') text += `(${value})`
    else if (type === 'segment-wildcard') text += isNamed ? '' : `(${segmentWildcard(options)})`
    else {
      const isStar =
        !isNamed &&
        (!previous ||
          previous.type === 'fixed-text' ||
          previous.modifier !== '' ||
          isGrouped ||
          prefix !== '')
      text += isStar ? '*' : '(.*)'
    }
    if (type === 'segment-wildcard' && isNamed && suffix !== '' && isNameCharacter(firstOf(suffix), false))
      text += '\\'
    text += escapePattern(suffix)
    if (isGrouped) text += '}'
    text += modifier
  }
  return text
}

function needsGroup(
  {
    part,
    previous,
    next,
    isNamed,
  }: { part: Part; previous: Part | undefined; next: Part | undefined; isNamed: boolean },
  options: PatternOptions,
): boolean {
  if (part.suffix !== '' || (part.prefix !== '' && part.prefix !== options.prefix)) return true
  const isPlainName = isNamed && part.type === 'segment-wildcard' && part.modifier === ''
  if (isPlainName && next && next.prefix === '' && next.suffix === '') {
    const runsOn =
      next.type === 'fixed-text' ? isNameCharacter(firstOf(next.value), false) : /^[0-9]/.test(next.name)
    if (runsOn) return true
  }
  return (
    part.prefix === '' &&
    previous?.type === 'fixed-text' &&
    options.prefix !== '' &&
    previous.value.endsWith(options.prefix)
  )
}

function firstOf(text: string): string {
  return String.fromCodePoint(text.codePointAt(0)!)
}
