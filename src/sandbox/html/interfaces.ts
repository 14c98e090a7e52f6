/** The objects that handlers get, one class for each kind of token. They write down what is to be done. */
import type { HtmlTools } from '../html-rewriter.ts'
import { type Edits, type Insertion, insertionOf } from './edits.ts'
import type {
  CommentToken,
  DoctypeToken,
  Editable,
  EndTagHandler,
  EndTagToken,
  Live,
  StartTagToken,
  TextToken,
} from './tokens.ts'
import { NAMESPACE_URIS } from './tree.ts'

/** What a document's end can be given. */
export interface DocumentEndToken extends Live {
  appended: Insertion[]
}

type Where = 'before' | 'after' | 'replace'

const FORBIDDEN_IN_NAMES = /[\t\n\f\r />]/
const FORBIDDEN_IN_ATTRIBUTE_NAMES = /[\t\n\f\r />=]/

export type HtmlInterfaces = ReturnType<typeof defineHtmlInterfaces>

/** Makes the classes. Each is constructed with the platform's key and a token. */
export function defineHtmlInterfaces(tools: HtmlTools) {
  const { defineInterface, onlyInternally, usvString } = tools

  function live<Token extends Live>(token: Token): Token {
    if (token.isLive) return token
    throw new TypeError(
      'This content token is no longer valid. Content tokens are only valid during the execution of the relevant content handler.',
    )
  }

  function edit(edits: Edits, where: Where, insertion: Insertion): void {
    if (where === 'before') edits.before.push(insertion)
    // What is put behind the token later stands nearer to it.
    else if (where === 'after') edits.after.unshift(insertion)
    else {
      edits.removed = true
      edits.replacement = insertion
    }
  }

  function insert(token: Editable, where: Where, given: IArguments): void {
    edit(live(token).edits, where, insertionOf(given[0], given[1], tools))
  }

  class Element {
    #tag: StartTagToken

    constructor() {
      onlyInternally(arguments[0])
      this.#tag = arguments[1] as StartTagToken
    }

    get tagName(): string {
      return live(this.#tag).name
    }

    set tagName(value: unknown) {
      const name = usvString(value)
      if (!/^[a-z]/i.test(name))
        throw new TypeError(`'${name}' cannot be a tag's name: its first character must be an ASCII letter.`)
      if (FORBIDDEN_IN_NAMES.test(name))
        throw new TypeError(`'${name}' cannot be a tag's name: it has a character that ends one.`)
      live(this.#tag).rename(name)
    }

    get attributes(): Iterator<[string, string]> {
      const { attributes } = live(this.#tag)
      return attributes.map(({ name, value }) => [name, value] as [string, string])[Symbol.iterator]()
    }

    get removed(): boolean {
      return live(this.#tag).edits.removed
    }

    get namespaceURI(): string {
      return NAMESPACE_URIS[live(this.#tag).namespace]
    }

    getAttribute(name: unknown): string | null {
      return live(this.#tag).attribute(usvString(name).toLowerCase())?.value ?? null
    }

    hasAttribute(name: unknown): boolean {
      return live(this.#tag).attribute(usvString(name).toLowerCase()) !== undefined
    }

    setAttribute(name: unknown, value: unknown): this {
      const key = usvString(name).toLowerCase()
      if (key === '') throw new TypeError("An attribute's name cannot be empty.")
      if (FORBIDDEN_IN_ATTRIBUTE_NAMES.test(key))
        throw new TypeError(`'${key}' cannot be an attribute's name: it has a character that ends one.`)
      live(this.#tag).setAttribute(key, usvString(value))
      return this
    }

    removeAttribute(name: unknown): this {
      live(this.#tag).removeAttribute(usvString(name).toLowerCase())
      return this
    }

    before(_content: unknown, _options: unknown = undefined): this {
      insert(this.#tag, 'before', arguments)
      return this
    }

    after(_content: unknown, _options: unknown = undefined): this {
      const tag = live(this.#tag)
      const edits = tag.canHaveContent ? tag.endEdits() : tag.edits
      edit(edits, 'after', insertionOf(arguments[0], arguments[1], tools))
      return this
    }

    prepend(_content: unknown, _options: unknown = undefined): this {
      this.#fill(arguments, (tag, insertion) => edit(tag.edits, 'after', insertion))
      return this
    }

    append(_content: unknown, _options: unknown = undefined): this {
      this.#fill(arguments, (tag, insertion) => edit(tag.endEdits(), 'before', insertion))
      return this
    }

    replace(_content: unknown, _options: unknown = undefined): this {
      insert(this.#tag, 'replace', arguments)
      this.#removeRest()
      return this
    }

    remove(): this {
      live(this.#tag).edits.removed = true
      this.#removeRest()
      return this
    }

    removeAndKeepContent(): this {
      const tag = live(this.#tag)
      tag.edits.removed = true
      if (tag.canHaveContent) tag.endEdits().removed = true
      return this
    }

    setInnerContent(_content: unknown, _options: unknown = undefined): this {
      this.#fill(arguments, (tag, insertion) => {
        this.#removeContent(tag)
        edit(tag.edits, 'after', insertion)
      })
      return this
    }

    onEndTag(handler: unknown): void {
      const tag = live(this.#tag)
      if (typeof handler !== 'function') throw new TypeError('An end tag handler must be a function.')
      if (!tag.canHaveContent) throw new TypeError(`<${tag.name}> has no end tag.`)
      tag.plan().handler = handler as EndTagHandler
    }

    #fill(given: IArguments, put: (tag: StartTagToken, insertion: Insertion) => void): void {
      const tag = live(this.#tag)
      const insertion = insertionOf(given[0], given[1], tools)
      if (!tag.canHaveContent) return
      tag.opens()
      put(tag, insertion)
    }

    #removeRest(): void {
      const tag = this.#tag
      if (!tag.canHaveContent) return
      this.#removeContent(tag)
      tag.endEdits().removed = true
    }

    #removeContent(tag: StartTagToken): void {
      tag.removesContent = true
      tag.edits.after.length = 0
      if (tag.end?.edits) tag.end.edits.before.length = 0
    }
  }

  class EndTag {
    #tag: EndTagToken

    constructor() {
      onlyInternally(arguments[0])
      this.#tag = arguments[1] as EndTagToken
    }

    get name(): string {
      return live(this.#tag).name
    }

    set name(value: unknown) {
      const tag = live(this.#tag)
      tag.name = usvString(value)
      tag.isChanged = true
    }

    before(_content: unknown, _options: unknown = undefined): this {
      insert(this.#tag, 'before', arguments)
      return this
    }

    after(_content: unknown, _options: unknown = undefined): this {
      insert(this.#tag, 'after', arguments)
      return this
    }

    remove(): this {
      live(this.#tag).edits.removed = true
      return this
    }
  }

  class Comment {
    #comment: CommentToken

    constructor() {
      onlyInternally(arguments[0])
      this.#comment = arguments[1] as CommentToken
    }

    get text(): string {
      return live(this.#comment).text
    }

    set text(value: unknown) {
      const text = usvString(value)
      if (/-->|--!>|^-?>/.test(text)) throw new TypeError("A comment's text cannot have in it what ends one.")
      const comment = live(this.#comment)
      comment.text = text
      comment.isChanged = true
    }

    get removed(): boolean {
      return live(this.#comment).edits.removed
    }

    before(_content: unknown, _options: unknown = undefined): this {
      insert(this.#comment, 'before', arguments)
      return this
    }

    after(_content: unknown, _options: unknown = undefined): this {
      insert(this.#comment, 'after', arguments)
      return this
    }

    replace(_content: unknown, _options: unknown = undefined): this {
      insert(this.#comment, 'replace', arguments)
      return this
    }

    remove(): this {
      live(this.#comment).edits.removed = true
      return this
    }
  }

  class Text {
    #text: TextToken

    constructor() {
      onlyInternally(arguments[0])
      this.#text = arguments[1] as TextToken
    }

    get text(): string {
      return live(this.#text).text
    }

    get lastInTextNode(): boolean {
      return live(this.#text).isLast
    }

    get removed(): boolean {
      return live(this.#text).edits.removed
    }

    before(_content: unknown, _options: unknown = undefined): this {
      insert(this.#text, 'before', arguments)
      return this
    }

    after(_content: unknown, _options: unknown = undefined): this {
      insert(this.#text, 'after', arguments)
      return this
    }

    replace(_content: unknown, _options: unknown = undefined): this {
      insert(this.#text, 'replace', arguments)
      return this
    }

    remove(): this {
      live(this.#text).edits.removed = true
      return this
    }
  }

  class Doctype {
    #doctype: DoctypeToken

    constructor() {
      onlyInternally(arguments[0])
      this.#doctype = arguments[1] as DoctypeToken
    }

    get name(): string | null {
      return live(this.#doctype).name
    }

    get publicId(): string | null {
      return live(this.#doctype).publicId
    }

    get systemId(): string | null {
      return live(this.#doctype).systemId
    }
  }

  class DocumentEnd {
    #end: DocumentEndToken

    constructor() {
      onlyInternally(arguments[0])
      this.#end = arguments[1] as DocumentEndToken
    }

    append(_content: unknown, _options: unknown = undefined): this {
      live(this.#end).appended.push(insertionOf(arguments[0], arguments[1], tools))
      return this
    }
  }

  const classes = { Element, EndTag, Comment, Text, Doctype, DocumentEnd }
  for (const [name, Class] of Object.entries(classes)) defineInterface(name, Class)
  return classes
}
