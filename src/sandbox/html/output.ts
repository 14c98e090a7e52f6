/** The rewritten document's bytes, gathered until somebody wants them. */
import type { HtmlTools } from '../html-rewriter.ts'
import type { Codec } from './codec.ts'
import { escapeText, type Insertion } from './edits.ts'

const INITIAL_BYTES = 16_384

export class Output {
  #bytes = new Uint8Array(INITIAL_BYTES)
  #length = 0
  readonly #codec: Codec
  readonly #tools: HtmlTools
  readonly #flush: (bytes: Uint8Array) => Promise<void>

  /** `flush` takes bytes for good; it lasts until more are wanted. */
  constructor(codec: Codec, tools: HtmlTools, flush: (bytes: Uint8Array) => Promise<void>) {
    this.#codec = codec
    this.#tools = tools
    this.#flush = flush
  }

  write(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(bytes, this.#length)
    this.#length = length
  }

  /** Writes what a handler gave; a stream chunk by chunk, as its reader wants it. */
  async insert({ content, isHtml }: Insertion): Promise<void> {
    const put = (text: string) => this.write(this.#codec.encode(isHtml ? text : escapeText(text)))
    if (typeof content === 'string') return put(content)
    const { next } = this.#tools.readTexts(content)
    for (let text = await next(); text !== null; text = await next()) {
      put(text)
      await this.flush()
    }
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return
    const bytes = this.#bytes.slice(0, this.#length)
    this.#length = 0
    await this.#flush(bytes)
  }
}
