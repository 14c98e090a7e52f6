/**
 * A document's tokens, each given to the handlers that asked for it, and written as they want it. What no handler has
 * changed is copied as it came.
 */
import type { HtmlTools } from '../html-rewriter.ts'
import { lowerCase } from './bytes.ts'
import type { Codec } from './codec.ts'
import { type Edits, newEdits } from './edits.ts'
import type { HtmlInterfaces } from './interfaces.ts'
import { canHaveContent, Matcher } from './matcher.ts'
import type { Output } from './output.ts'
import type { SelectorList } from './selectors.ts'
import { ATTRIBUTE_FIELDS, type Token, Tokenizer } from './tokenizer.ts'
import {
  type CommentToken,
  doctypeToken,
  type EndPlan,
  type EndTagToken,
  type Live,
  StartTagToken,
  type TextToken,
} from './tokens.ts'
import { TreeSimulator } from './tree.ts'

type Handler = (token: object) => unknown

/** What `on` was given. */
export interface ElementHandlers {
  selectors: SelectorList
  element: Handler | null
  comments: Handler | null
  text: Handler | null
}

/** What `onDocument` was given. */
export interface DocumentHandlers {
  doctype: Handler | null
  comments: Handler | null
  text: Handler | null
  end: Handler | null
}

export interface Handlers {
  elements: readonly ElementHandlers[]
  documents: readonly DocumentHandlers[]
}

/** What an open element has to do when it closes. */
interface OpenElement {
  /** The selectors that it matches. */
  matched: readonly number[]
  end: EndPlan | null
  removesContent: boolean
}

export interface RewriterParts {
  handlers: Handlers
  codec: Codec
  output: Output
  interfaces: HtmlInterfaces
  tools: HtmlTools
}

export class Rewriter {
  readonly #handlers: Handlers
  readonly #codec: Codec
  readonly #output: Output
  readonly #interfaces: HtmlInterfaces
  readonly #tools: HtmlTools
  readonly #tokenizer: Tokenizer
  readonly #tree = new TreeSimulator()
  readonly #matcher: Matcher<OpenElement> | null
  /** By selector: how many elements are open that match it. */
  readonly #open: number[]
  readonly #documentComments: Handler[]
  readonly #documentText: Handler[]
  /** Up to here the tokenizer's bytes have been written, or dropped. */
  #written = 0
  /** How many open elements have had their content removed. */
  #removing = 0
  /** Handlers were given a text node of which the last piece has not come. */
  #textIsOpen = false

  constructor({ handlers, codec, output, interfaces, tools }: RewriterParts) {
    this.#handlers = handlers
    this.#codec = codec
    this.#output = output
    this.#interfaces = interfaces
    this.#tools = tools
    this.#tokenizer = new Tokenizer(bytes => codec.incompleteTail(bytes))
    const root = { matched: [], end: null, removesContent: false }
    const lists = handlers.elements.map(({ selectors }) => selectors)
    this.#matcher = lists.length === 0 ? null : new Matcher(lists, root)
    this.#open = lists.map(() => 0)
    this.#documentComments = handlers.documents.flatMap(({ comments }) => comments ?? [])
    this.#documentText = handlers.documents.flatMap(({ text }) => text ?? [])
  }

  /** Rewrites the next bytes. Rejects with what a handler threw. */
  async push(chunk: Uint8Array): Promise<void> {
    this.#tokenizer.push(chunk)
    this.#written = 0
    await this.#run()
  }

  /** Rewrites what is left, and tells of the document's end. */
  async end(): Promise<void> {
    this.#tokenizer.end()
    await this.#run()
    if (this.#textIsOpen) await this.#endText()
    const end = { isLive: true, appended: [] }
    for (const { end: handler } of this.#handlers.documents)
      if (handler !== null) await this.#call(handler, 'DocumentEnd', end)
    end.isLive = false
    for (const insertion of end.appended) await this.#output.insert(insertion)
  }

  async #run(): Promise<void> {
    for (let token = this.#tokenizer.next(); token !== null; token = this.#tokenizer.next()) {
      const work = this.#token(token)
      if (work !== undefined) await work
    }
    this.#copyUpTo(this.#tokenizer.at)
    this.#written = this.#tokenizer.at
  }

  /** A promise if handlers have to be waited for. */
  #token(token: Token): Promise<void> | undefined {
    if (token.kind === 'text') return this.#text(token)
    if (this.#textIsOpen) return this.#endText().then(() => this.#markup(token))
    return this.#markup(token)
  }

  #markup(token: Token): Promise<void> | undefined {
    switch (token.kind) {
      case 'start tag':
        return this.#startTag(token)
      case 'end tag':
        return this.#endTag(token)
      case 'comment':
        return this.#comment(token)
      case 'doctype':
        return this.#doctype(token)
      default:
        return this.#removing > 0 ? this.#drop(token) : undefined
    }
  }

  #startTag(token: Token): Promise<void> | undefined {
    const { bytes } = this.#tokenizer
    const name = lowerCase(bytes, token.nameStart, token.nameEnd)
    const attribute = (wanted: string) => this.#attribute(token, wanted)
    const mode = this.#tree.startTag({ name, selfClosing: token.selfClosing, attribute })
    this.#tokenizer.mode = mode
    this.#tokenizer.rawName = name
    const { namespace } = this.#tree
    this.#tokenizer.allowsCdata = namespace !== 'html'
    if (this.#matcher === null) return undefined

    const isHtml = namespace === 'html'
    const { matched, inside } = this.#matcher.match({
      name,
      isHtml,
      ...this.#matcher.count(name),
      attribute,
    })
    const hasContent = canHaveContent(name, isHtml, token.selfClosing)
    const element: OpenElement = { matched, end: null, removesContent: false }
    if (hasContent) {
      this.#matcher.push(name, element, inside)
      for (const selector of matched) this.#open[selector]!++
    }
    if (matched.length === 0) return this.#removing > 0 ? this.#drop(token) : undefined
    const handlers: Handler[] = []
    for (const selector of matched) {
      const handler = this.#handlers.elements[selector]!.element
      if (handler !== null) handlers.push(handler)
    }
    if (handlers.length === 0) return this.#removing > 0 ? this.#drop(token) : undefined
    const tag = new StartTagToken(token, {
      bytes,
      codec: this.#codec,
      name,
      namespace,
      canHaveContent: hasContent,
    })
    return this.#runElement(token, tag, { element, handlers })
  }

  async #runElement(
    token: Token,
    tag: StartTagToken,
    { element, handlers }: { element: OpenElement; handlers: Handler[] },
  ): Promise<void> {
    const isRemoved = this.#removing > 0
    if (isRemoved) tag.edits.removed = true
    for (const handler of handlers) await this.#call(handler, 'Element', tag)
    tag.isLive = false
    element.end = tag.end
    if (tag.removesContent && tag.canHaveContent) {
      element.removesContent = true
      this.#removing++
    }
    if (isRemoved) this.#drop(token)
    else await this.#write(token, tag.edits, tag.written())
  }

  #endTag(token: Token): Promise<void> | undefined {
    const name = lowerCase(this.#tokenizer.bytes, token.nameStart, token.nameEnd)
    this.#tree.endTag(name)
    this.#tokenizer.allowsCdata = this.#tree.namespace !== 'html'
    const plans: EndPlan[] = []
    for (const element of this.#matcher?.pop(name) ?? []) {
      for (const selector of element.matched) this.#open[selector]!--
      if (element.removesContent) this.#removing--
      if (element.end !== null) plans.push(element.end)
    }
    if (plans.length > 0) return this.#runEnd(token, name, plans)
    return this.#removing > 0 ? this.#drop(token) : undefined
  }

  /** `plans`: of the elements that the tag closes, the innermost first. */
  async #runEnd(token: Token, name: string, plans: readonly EndPlan[]): Promise<void> {
    const tag: EndTagToken = {
      isLive: true,
      edits: newEdits(),
      name: this.#codec.fromUnits(name),
      isChanged: false,
    }
    for (const plan of plans) {
      tag.edits = plan.edits ?? tag.edits
      if (plan.name !== null) {
        tag.name = plan.name
        tag.isChanged = true
      }
      if (plan.handler !== null) await this.#call(plan.handler, 'EndTag', tag)
    }
    tag.isLive = false
    if (this.#removing > 0) this.#drop(token)
    else await this.#write(token, tag.edits, tag.isChanged ? [this.#codec.encode(`</${tag.name}>`)] : null)
  }

  #text(token: Token): Promise<void> | undefined {
    const handlers = this.#contentHandlers('text', this.#documentText)
    if (handlers === null) return this.#removing > 0 ? this.#drop(token) : undefined
    this.#textIsOpen = true
    const text = this.#codec.decode(this.#tokenizer.bytes, token.start, token.end)
    return this.#runText(token, handlers, { isLive: true, edits: newEdits(), text, isLast: false })
  }

  /** A text node's last piece is empty: only what comes behind it tells that it was the last. */
  #endText(): Promise<void> {
    this.#textIsOpen = false
    const handlers = this.#contentHandlers('text', this.#documentText) ?? []
    const { start } = this.#tokenizer.current
    const token: Token = { ...this.#tokenizer.current, start, end: start }
    return this.#runText(token, handlers, { isLive: true, edits: newEdits(), text: '', isLast: true })
  }

  async #runText(token: Token, handlers: readonly Handler[], text: TextToken): Promise<void> {
    for (const handler of handlers) await this.#call(handler, 'Text', text)
    text.isLive = false
    if (this.#removing > 0) this.#drop(token)
    else await this.#write(token, text.edits, null)
  }

  #comment(token: Token): Promise<void> | undefined {
    const handlers = this.#contentHandlers('comments', this.#documentComments)
    if (handlers === null) return this.#removing > 0 ? this.#drop(token) : undefined
    return this.#runComment(token, handlers)
  }

  async #runComment(token: Token, handlers: readonly Handler[]): Promise<void> {
    const text = this.#codec.decode(this.#tokenizer.bytes, token.nameStart, token.nameEnd)
    const comment: CommentToken = { isLive: true, edits: newEdits(), text, isChanged: false }
    for (const handler of handlers) await this.#call(handler, 'Comment', comment)
    comment.isLive = false
    if (this.#removing > 0) return void this.#drop(token)
    const changed = comment.isChanged ? [this.#codec.encode(`<!--${comment.text}-->`)] : null
    await this.#write(token, comment.edits, changed)
  }

  #doctype(token: Token): Promise<void> | undefined {
    if (this.#removing > 0) this.#drop(token)
    if (this.#handlers.documents.every(({ doctype }) => doctype === null)) return undefined
    return this.#runDoctype(token)
  }

  async #runDoctype(token: Token): Promise<void> {
    const { bytes } = this.#tokenizer
    const isClosed = bytes[token.end - 1] === 0x3e
    const inner = this.#codec.decode(bytes, token.start + '<!doctype'.length, token.end - (isClosed ? 1 : 0))
    const doctype = doctypeToken(inner)
    for (const { doctype: handler } of this.#handlers.documents)
      if (handler !== null) await this.#call(handler, 'Doctype', doctype)
    doctype.isLive = false
  }

  /** Those of the elements that are open, then the document's; null if there are none. */
  #contentHandlers(kind: 'comments' | 'text', document: Handler[]): Handler[] | null {
    const { elements } = this.#handlers
    let found: Handler[] | null = null
    for (let i = 0; i < elements.length; i++) {
      const handler = this.#open[i]! > 0 ? elements[i]![kind] : null
      if (handler !== null) {
        found ??= []
        found.push(handler)
      }
    }
    if (found === null) return document.length > 0 ? document : null
    return document.length > 0 ? [...found, ...document] : found
  }

  #call(handler: Handler, kind: keyof HtmlInterfaces, token: Live): unknown {
    return handler(this.#tools.construct(this.#interfaces[kind], token))
  }

  #attribute({ attributes }: Token, wanted: string): string | null {
    const { bytes } = this.#tokenizer
    for (let i = 0; i < attributes.length; i += ATTRIBUTE_FIELDS) {
      if (attributes[i + 1]! - attributes[i]! !== wanted.length) continue
      if (lowerCase(bytes, attributes[i]!, attributes[i + 1]!) === wanted)
        return this.#codec.decode(bytes, attributes[i + 2]!, attributes[i + 3]!)
    }
    return null
  }

  /** Writes the token with its edits; `changed` in its place, if it is not as it was. */
  async #write(token: Token, edits: Edits, changed: readonly Uint8Array[] | null): Promise<void> {
    if (edits.before.length > 0) {
      this.#copyUpTo(token.start)
      for (const insertion of edits.before) await this.#output.insert(insertion)
    }
    if (edits.removed) {
      this.#drop(token)
      if (edits.replacement !== null) await this.#output.insert(edits.replacement)
    } else if (changed !== null) {
      this.#drop(token)
      for (const bytes of changed) this.#output.write(bytes)
    }
    if (edits.after.length > 0) {
      this.#copyUpTo(token.end)
      for (const insertion of edits.after) await this.#output.insert(insertion)
    }
  }

  #drop(token: Token): undefined {
    this.#copyUpTo(token.start)
    this.#written = token.end
  }

  #copyUpTo(end: number): void {
    if (end > this.#written) this.#output.write(this.#tokenizer.bytes.subarray(this.#written, end))
    this.#written = Math.max(this.#written, end)
  }
}
