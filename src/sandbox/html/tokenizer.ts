/**
 * Where the tokens of an HTML document lie (https://html.spec.whatwg.org/multipage/parsing.html#tokenization). Bytes
 * are neither copied nor decoded: every character that the syntax knows is one byte in all encodings that extend
 * ASCII, and no byte of another character is mistaken for it.
 */
import { isLetter, isSpace, NAME_END, startsWith, TAB_TO_SPACE } from './bytes.ts'

export type TokenKind = 'text' | 'start tag' | 'end tag' | 'comment' | 'doctype' | 'unparsed'

/** How what follows is read, until an end tag of the name that began it. */
export type TextMode = 'data' | 'rcdata' | 'rawtext' | 'script data' | 'plaintext' | 'cdata'

/** Numbers of an attribute in `Token.attributes`: where its name, its value and the whole begin and end. */
export const ATTRIBUTE_FIELDS = 5

/** Valid until the next token is asked for. All numbers are offsets in the tokenizer's `bytes`. */
export interface Token {
  kind: TokenKind
  start: number
  end: number
  /** A tag's name, or a comment's text. */
  nameStart: number
  nameEnd: number
  /** By attribute: start and end of the name, start and end of the value, end of the whole. */
  attributes: number[]
  selfClosing: boolean
}

const LESS = 0x3c
const GREATER = 0x3e
const SLASH = 0x2f
const BANG = 0x21
const QUESTION = 0x3f
const DASH = 0x2d
const EQUALS = 0x3d
const QUOTE = 0x22
const APOSTROPHE = 0x27
const BRACKET = 0x5d

/** What a script is in: plain, behind `<!--`, or in a `<script` behind that. */
type Escape = 'none' | 'escaped' | 'double'

export class Tokenizer {
  /** What has been given and not yet been told of. */
  bytes: Uint8Array = new Uint8Array(0)
  mode: TextMode = 'data'
  /** The lower-case name of the element whose end tag ends the mode. */
  rawName = ''
  /** `<![CDATA[` begins a section: in foreign content only. */
  allowsCdata = false
  #at = 0
  #isFinal = false
  #escape: Escape = 'none'
  #dashes = 0
  readonly #incompleteTail: (bytes: Uint8Array) => number
  readonly #token: Token = {
    kind: 'text',
    start: 0,
    end: 0,
    nameStart: 0,
    nameEnd: 0,
    attributes: [],
    selfClosing: false,
  }

  /** `incompleteTail`: how many bytes at the end are the beginning of a character. */
  constructor(incompleteTail: (bytes: Uint8Array) => number) {
    this.#incompleteTail = incompleteTail
  }

  /** Gives the next bytes of the document. */
  push(chunk: Uint8Array): void {
    const rest = this.bytes.subarray(this.#at)
    this.#at = 0
    if (rest.length === 0) this.bytes = chunk
    else {
      this.bytes = new Uint8Array(rest.length + chunk.length)
      this.bytes.set(rest)
      this.bytes.set(chunk, rest.length)
    }
  }

  /** Says that the document ends with what has been given. */
  end(): void {
    this.#isFinal = true
  }

  /** The token that was told of last. */
  get current(): Token {
    return this.#token
  }

  /** How far the tokens told of reach. */
  get at(): number {
    return this.#at
  }

  /** The next token, or null if more bytes are needed to tell, or none are left. */
  next(): Token | null {
    if (this.#at === this.bytes.length) return null
    switch (this.mode) {
      case 'data':
        return this.#data()
      case 'cdata':
        return this.#cdata()
      case 'plaintext':
        return this.#text(this.bytes.length)
      case 'script data':
        return this.#rawUntil(this.#scriptEnd())
      default:
        return this.#rawUntil(this.#rawEnd())
    }
  }

  #data(): Token | null {
    const { bytes } = this
    for (let at = this.#at; ; at++) {
      at = bytes.indexOf(LESS, at)
      if (at === -1) return this.#text(bytes.length)
      const isMarkup = this.#isMarkup(at)
      if (isMarkup === false) continue
      if (at > this.#at) return this.#text(at)
      return isMarkup === undefined ? null : this.#markup(at)
    }
  }

  /** Whether `<` begins something other than text; undefined if more bytes are needed to tell. */
  #isMarkup(at: number): boolean | undefined {
    const next = this.bytes[at + 1]
    const isEndTag = next === SLASH
    if (next === undefined || (isEndTag && at + 2 === this.bytes.length))
      return this.#isFinal ? false : undefined
    return isEndTag || next === BANG || next === QUESTION || isLetter(next)
  }

  #markup(at: number): Token | null {
    const { bytes } = this
    const next = bytes[at + 1]!
    if (isLetter(next)) return this.#tag('start tag', at + 1)
    if (next === SLASH) {
      if (isLetter(bytes[at + 2]!)) return this.#tag('end tag', at + 2)
      return bytes[at + 2] === GREATER ? this.#found('unparsed', at + 3) : this.#bogusComment(at + 2)
    }
    if (next === QUESTION) return this.#bogusComment(at + 1)
    const begins = (text: string) => startsWith(bytes, at + 2, text, this.#isFinal)
    const isComment = begins('--')
    const isDoctype = begins('doctype')
    const isCdata = this.allowsCdata && begins('[cdata[') && startsWith(bytes, at + 2, '[CDATA[', true, true)
    if (isComment === undefined || isDoctype === undefined || isCdata === undefined) return this.#incomplete()
    if (isComment) return this.#comment(at + 4)
    if (isDoctype) return this.#doctype()
    if (!isCdata) return this.#bogusComment(at + 2)
    this.mode = 'cdata'
    return this.#found('unparsed', at + 9)
  }

  /** https://html.spec.whatwg.org/multipage/parsing.html#tag-name-state and those behind it. */
  #tag(kind: 'start tag' | 'end tag', nameStart: number): Token | null {
    const { bytes } = this
    const { length } = bytes
    const token = this.#token
    const { attributes } = token
    attributes.length = 0
    let i = nameStart
    while (i < length && NAME_END[bytes[i]!] !== 1) i++
    token.nameStart = nameStart
    token.nameEnd = i
    token.selfClosing = false
    for (;;) {
      while (i < length && (isSpace(bytes[i]!) || bytes[i] === SLASH)) i++
      if (i === length) return this.#incomplete()
      if (bytes[i] === GREATER) {
        token.selfClosing = bytes[i - 1] === SLASH && !this.#endsUnquoted(i - 1)
        return this.#found(kind, i + 1)
      }
      const name = i++
      while (i < length && NAME_END[bytes[i]!] !== 1 && bytes[i] !== EQUALS) i++
      const nameEnd = i
      let valueStart = i
      let valueEnd = i
      let equals = i
      while (equals < length && isSpace(bytes[equals]!)) equals++
      if (equals === length) return this.#incomplete()
      if (bytes[equals] === EQUALS) {
        i = equals + 1
        while (i < length && isSpace(bytes[i]!)) i++
        if (i === length) return this.#incomplete()
        const quote = bytes[i]!
        valueStart = i
        valueEnd = i
        if (quote === QUOTE || quote === APOSTROPHE) {
          valueStart++
          valueEnd = bytes.indexOf(quote, valueStart)
          if (valueEnd === -1) return this.#incomplete()
          i = valueEnd + 1
        } else {
          while (i < length && TAB_TO_SPACE[bytes[i]!] !== 1 && bytes[i] !== GREATER) i++
          valueEnd = i
        }
      }
      // An equals sign without a value is left out: a value written behind it would be its own.
      const isMissing = bytes[i] === GREATER && valueStart === i
      attributes.push(name, nameEnd, valueStart, valueEnd, isMissing ? nameEnd : i)
    }
  }

  /** Whether an unquoted value of the tag ends with the byte: then a slash is the value's. */
  #endsUnquoted(at: number): boolean {
    const { attributes } = this.#token
    const last = attributes.length - ATTRIBUTE_FIELDS
    return last >= 0 && attributes[last + 4]! > at
  }

  /** https://html.spec.whatwg.org/multipage/parsing.html#comment-start-state and those behind it. */
  #comment(textStart: number): Token | null {
    const { bytes } = this
    const token = this.#token
    token.nameStart = textStart
    token.nameEnd = textStart
    if (bytes[textStart] === GREATER) return this.#found('comment', textStart + 1)
    if (bytes[textStart] === DASH && bytes[textStart + 1] === GREATER)
      return this.#found('comment', textStart + 2)
    for (let at = textStart; ; at++) {
      at = bytes.indexOf(DASH, at)
      if (at === -1) break
      if (bytes[at + 1] !== DASH) continue
      token.nameEnd = at
      if (bytes[at + 2] === GREATER) return this.#found('comment', at + 3)
      if (bytes[at + 2] === BANG && bytes[at + 3] === GREATER) return this.#found('comment', at + 4)
    }
    if (!this.#isFinal) return null
    const text = bytes.subarray(textStart)
    const { length } = text
    const tail = text[length - 1] === BANG && text[length - 2] === DASH && text[length - 3] === DASH ? 3 : 0
    const dashes = tail || (text[length - 1] !== DASH ? 0 : text[length - 2] === DASH ? 2 : 1)
    token.nameEnd = bytes.length - dashes
    return this.#found('comment', bytes.length)
  }

  #bogusComment(textStart: number): Token | null {
    const end = this.bytes.indexOf(GREATER, textStart)
    if (end === -1 && !this.#isFinal) return null
    this.#token.nameStart = textStart
    this.#token.nameEnd = end === -1 ? this.bytes.length : end
    return this.#found('comment', end === -1 ? this.bytes.length : end + 1)
  }

  #doctype(): Token | null {
    const end = this.bytes.indexOf(GREATER, this.#at)
    if (end === -1 && !this.#isFinal) return null
    return this.#found('doctype', end === -1 ? this.bytes.length : end + 1)
  }

  #cdata(): Token | null {
    const { bytes } = this
    let at = this.#at
    for (; ; at++) {
      at = bytes.indexOf(BRACKET, at)
      if (at === -1) return this.#text(bytes.length)
      const close = startsWith(bytes, at, ']]>', this.#isFinal)
      if (close === undefined) return this.#text(at)
      if (close) break
    }
    if (at > this.#at) return this.#text(at)
    this.mode = 'data'
    return this.#found('unparsed', at + 3)
  }

  /** Text up to where the end tag begins, then the end tag. */
  #rawUntil({ at, found }: { at: number; found: boolean }): Token | null {
    if (at > this.#at) return this.#text(at)
    if (!found) return null
    const token = this.#tag('end tag', at + 2)
    if (token?.kind === 'end tag') {
      this.mode = 'data'
      this.#escape = 'none'
      this.#dashes = 0
    }
    return token
  }

  #rawEnd(): { at: number; found: boolean } {
    for (let at = this.#at; ; at++) {
      at = this.bytes.indexOf(LESS, at)
      if (at === -1) return { at: this.bytes.length, found: false }
      const ends = this.#isTagOf(`</${this.rawName}`, at)
      if (ends !== false) return { at, found: ends === true }
    }
  }

  /** https://html.spec.whatwg.org/multipage/parsing.html#script-data-state and those behind it. */
  #scriptEnd(): { at: number; found: boolean } {
    const { bytes } = this
    let at = this.#at
    const more = () => ({ at, found: false })
    while (at < bytes.length) {
      if (this.#escape === 'none') {
        at = bytes.indexOf(LESS, at)
        if (at === -1) return { at: bytes.length, found: false }
      }
      const byte = bytes[at]!
      if (byte === LESS) {
        const ends = this.#isTagOf('</script', at)
        if (ends === undefined) return more()
        if (ends && this.#escape !== 'double') return { at, found: true }
        const begins = this.#isTagOf('<script', at)
        const escapes = startsWith(bytes, at, '<!--', this.#isFinal)
        if (begins === undefined || escapes === undefined) return more()
        this.#dashes = 0
        if (this.#escape === 'none' && escapes) {
          this.#escape = 'escaped'
          this.#dashes = 2
          at += 3
        } else if (this.#escape === 'escaped' && begins) this.#escape = 'double'
        else if (ends) this.#escape = 'escaped'
      } else {
        if (byte === GREATER && this.#dashes >= 2) this.#escape = 'none'
        this.#dashes = byte === DASH ? this.#dashes + 1 : 0
      }
      at++
    }
    return more()
  }

  /** Whether a tag that begins like this is there, and its name ends there; undefined if more bytes are needed. */
  #isTagOf(beginning: string, at: number): boolean | undefined {
    const begins = startsWith(this.bytes, at, beginning, this.#isFinal)
    if (!begins) return begins
    const after = this.bytes[at + beginning.length]
    if (after === undefined) return this.#isFinal ? false : undefined
    return NAME_END[after] === 1
  }

  #text(end: number): Token | null {
    let whole = end
    if (end === this.bytes.length && !this.#isFinal)
      whole -= this.#incompleteTail(this.bytes.subarray(this.#at))
    return whole === this.#at ? null : this.#found('text', whole)
  }

  /** What breaks off at the document's end is nothing. */
  #incomplete(): Token | null {
    return this.#isFinal ? this.#found('unparsed', this.bytes.length) : null
  }

  #found(kind: TokenKind, end: number): Token {
    const token = this.#token
    token.kind = kind
    token.start = this.#at
    token.end = end
    this.#at = end
    return token
  }
}
