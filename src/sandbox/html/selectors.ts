/**
 * CSS selectors (https://drafts.csswg.org/selectors-4/), as far as they can be matched at a start tag: types, `*`,
 * classes, ids, attributes, `:nth-child`, `:nth-of-type`, `:first-child`, `:first-of-type`, `:not` of these, and the
 * combinators for descendants and children.
 */
import { type AttributeOperator, attributeTest, nthTest, type Test } from './selector-tests.ts'

/** A compound selector, and what leads to the next one. */
export interface Step {
  test: Test
  /** What an element behind this one must be to it; null at the end. */
  next: 'child' | 'descendant' | null
}

export interface SelectorList {
  /** An element that matches one of these matches the list. */
  selectors: Step[][]
  /** Whether it asks for `typeIndex`. */
  countsTypes: boolean
}

/** Throws a TypeError that says what is wrong. */
export function parseSelectors(text: string): SelectorList {
  return new SelectorParser(text).list()
}

const NEWLINE = /[\n\r\f]/

class SelectorParser {
  readonly #text: string
  #at = 0
  #countsTypes = false

  constructor(text: string) {
    this.#text = text
  }

  list(): SelectorList {
    const selectors: Step[][] = []
    do {
      this.#skipSpace()
      selectors.push(this.#complex())
    } while (this.#takes(','))
    if (this.#at < this.#text.length) this.#fail(`"${this.#text[this.#at]}" is not expected there`)
    return { selectors, countsTypes: this.#countsTypes }
  }

  #complex(): Step[] {
    const steps: Step[] = []
    for (;;) {
      steps.push({ test: this.#compound(), next: null })
      const hasSpace = this.#skipSpace()
      const next = this.#text[this.#at]
      if (next === undefined || next === ',') return steps
      if (next === '+' || next === '~' || next === '|')
        this.#fail(`the combinator "${next}" is not supported: use a space or ">"`)
      const isChild = this.#takes('>')
      if (!isChild && !hasSpace) return steps
      if (isChild) this.#skipSpace()
      steps[steps.length - 1]!.next = isChild ? 'child' : 'descendant'
    }
  }

  #compound(isNegated = false): Test {
    const tests: Test[] = []
    if (this.#takes('*')) tests.push(() => true)
    else if (this.#isNameStart()) {
      const name = this.#name().toLowerCase()
      tests.push(candidate => candidate.name === name)
    }
    if (this.#text[this.#at] === '|') this.#fail('namespaces are not supported')
    for (;;) {
      if (this.#takes('#')) {
        const id = this.#name()
        tests.push(candidate => candidate.attribute('id') === id)
      } else if (this.#takes('.')) tests.push(attributeTest('class', '~=', this.#name(), false))
      else if (this.#takes('[')) tests.push(this.#attribute())
      else if (this.#text[this.#at] === ':') tests.push(this.#pseudoClass(isNegated))
      else break
    }
    if (tests.length === 0)
      this.#fail(this.#at < this.#text.length ? 'a selector is missing' : 'it breaks off')
    if (tests.length === 1) return tests[0]!
    return candidate => tests.every(test => test(candidate))
  }

  #attribute(): Test {
    this.#skipSpace()
    const name = this.#name().toLowerCase()
    this.#skipSpace()
    if (this.#takes(']')) return candidate => candidate.attribute(name) !== null
    const operator = /^[~|^$*]?=/.exec(this.#text.slice(this.#at))?.[0] as AttributeOperator | undefined
    if (operator === undefined) this.#fail('an attribute needs "]" or one of = ~= |= ^= $= *=')
    this.#at += operator.length
    this.#skipSpace()
    const quote = this.#text[this.#at]
    const value = quote === '"' || quote === "'" ? this.#string(quote) : this.#name()
    this.#skipSpace()
    const flag = /^[is]/i.exec(this.#text.slice(this.#at))?.[0].toLowerCase()
    if (flag) this.#at++
    this.#skipSpace()
    if (!this.#takes(']')) this.#fail('"]" is missing')
    return attributeTest(name, operator, value, flag === undefined ? undefined : flag === 'i')
  }

  #pseudoClass(isNegated: boolean): Test {
    this.#at++
    const name = this.#name().toLowerCase()
    const isFunction = this.#takes('(')
    this.#countsTypes ||= name.endsWith('-of-type')
    if (name === 'first-child' && !isFunction) return nthTest('index', 0, 1)
    if (name === 'first-of-type' && !isFunction) return nthTest('typeIndex', 0, 1)
    if (name === 'not' && isFunction) {
      const tests: Test[] = []
      do {
        this.#skipSpace()
        tests.push(this.#compound(true))
        this.#skipSpace()
      } while (this.#takes(','))
      if (!this.#takes(')')) this.#fail('":not" takes simple selectors only, without combinators')
      return candidate => !tests.some(test => test(candidate))
    }
    if ((name === 'nth-child' || name === 'nth-of-type') && isFunction) {
      const [step, offset] = this.#nth()
      return nthTest(name === 'nth-child' ? 'index' : 'typeIndex', step, offset)
    }
    this.#fail(`":${name}${isFunction ? '()' : ''}" is not supported${isNegated ? ' in ":not()"' : ''}`)
  }

  /** https://drafts.csswg.org/css-syntax-3/#anb-microsyntax */
  #nth(): [step: number, offset: number] {
    const end = this.#text.indexOf(')', this.#at)
    const text = this.#text
      .slice(this.#at, end === -1 ? undefined : end)
      .trim()
      .toLowerCase()
    const found =
      /^(?:(?<word>odd|even)|(?<step>[+-]?\d*)n(?:\s*(?<sign>[+-])\s*(?<offset>\d+))?|(?<only>[+-]?\d+))$/.exec(
        text,
      )
    if (end === -1 || !found) this.#fail(`"${text}" is not like 3, 2n+1, odd or even`)
    this.#at = end + 1
    const { word, step, sign = '', offset, only } = found.groups!
    if (word) return [2, word === 'odd' ? 1 : 0]
    if (only) return [0, Number(only)]
    const factor = step === '' || step === '+' ? 1 : step === '-' ? -1 : Number(step)
    return [factor, offset === undefined ? 0 : Number(sign + offset)]
  }

  #isNameStart(): boolean {
    return /^(?:--|-?[a-z_\\\u0080-\uffff])/i.test(this.#text.slice(this.#at, this.#at + 2))
  }

  /** https://drafts.csswg.org/css-syntax-3/#consume-name */
  #name(): string {
    let name = ''
    for (;;) {
      const found = /^[\w\u0080-\uffff-]+/.exec(this.#text.slice(this.#at))?.[0] ?? ''
      name += found
      this.#at += found.length
      if (this.#text[this.#at] !== '\\' || NEWLINE.test(this.#text[this.#at + 1] ?? '\n')) break
      name += this.#escape()
    }
    if (name === '') this.#fail('a name is missing')
    return name
  }

  #string(quote: string): string {
    let value = ''
    for (this.#at++; ; ) {
      const character = this.#text[this.#at]
      if (character === undefined || NEWLINE.test(character)) this.#fail('a string has no end')
      if (character === '\\') value += this.#escape()
      else {
        this.#at++
        if (character === quote) return value
        value += character
      }
    }
  }

  /** https://drafts.csswg.org/css-syntax-3/#consume-escaped-code-point */
  #escape(): string {
    const rest = this.#text.slice(this.#at + 1)
    const [whole, digits] = /^([0-9a-f]{1,6})\s?/i.exec(rest) ?? []
    if (digits !== undefined) {
      this.#at += 1 + whole!.length
      const code = Number.parseInt(digits, 16)
      const isScalar = code > 0 && code <= 0x10_ff_ff && (code < 0xd8_00 || code > 0xdf_ff)
      return String.fromCodePoint(isScalar ? code : 0xff_fd)
    }
    const character = rest === '' ? '' : String.fromCodePoint(rest.codePointAt(0)!)
    this.#at += 1 + character.length
    return NEWLINE.test(character) ? '' : character
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #skipSpace(): boolean {
    const from = this.#at
    while (/[ \t\n\r\f]/.test(this.#text[this.#at] ?? '')) this.#at++
    return this.#at > from
  }

  #fail(why: string): never {
    throw new TypeError(`The selector '${this.#text}' is not valid: ${why}.`)
  }
}
