/** Tokens while handlers deal with them: what they say, and what is to become of them. */
import { lowerCase } from './bytes.ts'
import type { Codec } from './codec.ts'
import { type Edits, escapeAttribute, newEdits } from './edits.ts'
import { ATTRIBUTE_FIELDS, type Token } from './tokenizer.ts'
import type { Namespace } from './tree.ts'

/** Handlers may use a token until all of them have ended. */
export interface Live {
  isLive: boolean
}

export interface Editable extends Live {
  edits: Edits
}

export interface TextToken extends Editable {
  text: string
  isLast: boolean
}

export interface CommentToken extends Editable {
  text: string
  isChanged: boolean
}

export interface DoctypeToken extends Live {
  name: string | null
  publicId: string | null
  systemId: string | null
}

export interface EndTagToken extends Editable {
  name: string
  isChanged: boolean
}

/** Called with the end tag. */
export type EndTagHandler = (endTag: object) => unknown

/** What an element's handlers want done where it ends. */
export interface EndPlan {
  edits: Edits | null
  /** A new name, if it has got one. */
  name: string | null
  /** The last one given counts, as at Cloudflare. */
  handler: EndTagHandler | null
}

interface Attribute {
  /** In lower case. */
  name: string
  /** The name as it is written. */
  spelling: string
  value: string
  /** As the source has it; null if it was set. */
  raw: Uint8Array | null
}

export class StartTagToken implements Editable {
  isLive = true
  readonly edits = newEdits()
  readonly namespace: Namespace
  readonly canHaveContent: boolean
  end: EndPlan | null = null
  removesContent = false
  /** In lower case, unless it was set. */
  name: string
  /** The name as it is written. */
  #spelling: string
  #selfClosing: boolean
  #isChanged = false
  #attributes: Attribute[] | null = null
  readonly #token: Token
  readonly #bytes: Uint8Array
  readonly #codec: Codec

  constructor(
    token: Token,
    source: { bytes: Uint8Array; codec: Codec; name: string; namespace: Namespace; canHaveContent: boolean },
  ) {
    this.#token = token
    this.#bytes = source.bytes
    this.#codec = source.codec
    this.name = source.codec.fromUnits(source.name)
    this.#spelling = source.codec.decode(source.bytes, token.nameStart, token.nameEnd)
    this.namespace = source.namespace
    this.canHaveContent = source.canHaveContent
    this.#selfClosing = token.selfClosing
  }

  rename(name: string): void {
    this.name = name
    this.#spelling = name
    this.#isChanged = true
    if (this.canHaveContent) this.plan().name = name
  }

  /** What is to be done at the element's end. */
  plan(): EndPlan {
    this.end ??= { edits: null, name: null, handler: null }
    return this.end
  }

  endEdits(): Edits {
    const plan = this.plan()
    plan.edits ??= newEdits()
    return plan.edits
  }

  /** Content is coming: the tag may not close itself. */
  opens(): void {
    this.#selfClosing = false
  }

  get attributes(): Attribute[] {
    this.#attributes ??= this.#readAttributes()
    return this.#attributes
  }

  attribute(name: string): Attribute | undefined {
    return this.attributes.find(attribute => attribute.name === name)
  }

  setAttribute(name: string, value: string): void {
    this.#isChanged = true
    const found = this.attribute(name)
    if (found === undefined) this.attributes.push({ name, spelling: name, value, raw: null })
    else {
      found.value = value
      found.raw = null
    }
  }

  removeAttribute(name: string): void {
    const left = this.attributes.filter(attribute => attribute.name !== name)
    if (left.length === this.attributes.length) return
    this.#attributes = left
    this.#isChanged = true
  }

  /** The tag written anew; null if it is as it was. */
  written(): Uint8Array[] | null {
    if (!this.#isChanged) return null
    const encode = (text: string) => this.#codec.encode(text)
    const pieces = [encode(`<${this.#spelling}`)]
    for (const { spelling, value, raw } of this.attributes)
      pieces.push(encode(' '), raw ?? encode(`${spelling}="${escapeAttribute(value)}"`))
    // Behind a value without quotes a slash would be part of it.
    const space = this.#selfClosing && this.attributes.length > 0 ? ' ' : ''
    pieces.push(encode(this.#selfClosing ? `${space}/>` : '>'))
    return pieces
  }

  #readAttributes(): Attribute[] {
    const { attributes } = this.#token
    const found: Attribute[] = []
    for (let i = 0; i < attributes.length; i += ATTRIBUTE_FIELDS) {
      const [start, nameEnd, valueStart, valueEnd, end] = attributes.slice(i, i + ATTRIBUTE_FIELDS) as [
        number,
        number,
        number,
        number,
        number,
      ]
      found.push({
        name: this.#codec.fromUnits(lowerCase(this.#bytes, start, nameEnd)),
        spelling: this.#codec.decode(this.#bytes, start, nameEnd),
        value: this.#codec.decode(this.#bytes, valueStart, valueEnd),
        raw: this.#bytes.subarray(start, end),
      })
    }
    return found
  }
}

const DOCTYPE =
  /^[\t\n\f\r ]*(?<name>[^\t\n\f\r >]+)?(?:[\t\n\f\r ]+(?:public[\t\n\f\r ]*(?<q>["'])(?<publicId>.*?)\k<q>(?:[\t\n\f\r ]*(?<r>["'])(?<systemId>.*?)\k<r>)?|system[\t\n\f\r ]*(?<s>["'])(?<only>.*?)\k<s>))?/is

/** `text`: what stands between `<!doctype` and `>`. */
export function doctypeToken(text: string): DoctypeToken {
  const { name, publicId, systemId, only } = DOCTYPE.exec(text)!.groups!
  return {
    isLive: true,
    name: name?.toLowerCase() ?? null,
    publicId: publicId ?? null,
    systemId: systemId ?? only ?? null,
  }
}
