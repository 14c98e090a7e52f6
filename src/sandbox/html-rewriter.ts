/**
 * HTMLRewriter, as Workers have it (https://developers.cloudflare.com/workers/runtime-apis/html-rewriter/): the
 * interface; a part does the work.
 */
import { TextDecoder, textDecode } from './encoding.ts'
import type { DocumentHandlers, ElementHandlers } from './html/rewriter.ts'
import { mimeParameter, mimeTypeOf } from './mime-type.ts'
import { loadPart } from './parts.ts'
import { apply, arrayPush, arraySlice, construct, getOwnPropertyDescriptor } from './primordials.ts'
import { isResponse, type Response, responseBody, responseHeaders, withStream } from './response.ts'
import {
  closeBytes,
  enqueueBytes,
  errorBytes,
  isReadableStream,
  ReadableStream,
  readBytes,
} from './streams.ts'
import { utf8DecodeRange, utf8Encode, utf8IncompleteTail } from './utf8.ts'
import {
  defineInterface,
  dictionary,
  type InterfaceClass,
  internally,
  onlyInternally,
  requireArguments,
  usvString,
} from './webidl.ts'

const encodingGetter = getOwnPropertyDescriptor(TextDecoder.prototype, 'encoding')!.get!

/** What the part needs of the rest of the sandbox, so that it does not bring a second one. */
const tools = {
  ReadableStream,
  closeBytes,
  /** An object that the platform alone makes. */
  construct: (Class: InterfaceClass, state: object) =>
    construct(Class as new (...args: unknown[]) => object, [internally, state]),
  contentOf,
  decode: (bytes: Uint8Array, label: string) => decodeWith(new TextDecoder(label), bytes, false),
  defineInterface,
  dictionary,
  /** Throws for a label that no encoding has. */
  encodingName: (label: string) => apply(encodingGetter, new TextDecoder(label), []) as string,
  enqueueBytes,
  errorBytes,
  onlyInternally,
  readBytes,
  readTexts,
  usvString,
  utf8Decode: (bytes: Uint8Array, start: number, end: number) => utf8DecodeRange(bytes, start, end, false),
  utf8Encode,
  utf8IncompleteTail,
}

export type HtmlTools = typeof tools

type Part = typeof import('./parts/html-rewriter.ts')
type Handler = (token: object) => unknown

export class HTMLRewriter {
  readonly #elements: ElementHandlers[] = []
  readonly #documents: DocumentHandlers[] = []

  on(selector: unknown, handlers: unknown): this {
    const context = "Failed to execute 'on' on 'HTMLRewriter'"
    requireArguments(arguments.length, 2, context)
    const text = usvString(selector)
    const given = dictionary(handlers, context)
    const handler = (name: string) => handlerOf(given, name, context)
    arrayPush(this.#elements, {
      selectors: loadPart<Part>('html-rewriter').parseSelectors(text),
      element: handler('element'),
      comments: handler('comments'),
      text: handler('text'),
    })
    return this
  }

  onDocument(handlers: unknown): this {
    const context = "Failed to execute 'onDocument' on 'HTMLRewriter'"
    requireArguments(arguments.length, 1, context)
    const given = dictionary(handlers, context)
    const handler = (name: string) => handlerOf(given, name, context)
    arrayPush(this.#documents, {
      doctype: handler('doctype'),
      comments: handler('comments'),
      text: handler('text'),
      end: handler('end'),
    })
    return this
  }

  transform(response: unknown): Response {
    const context = "Failed to execute 'transform' on 'HTMLRewriter'"
    requireArguments(arguments.length, 1, context)
    if (!isResponse(response)) throw new TypeError(`${context}: parameter 1 is not of type 'Response'.`)
    const body = responseBody(response)
    if (body === null) return response
    if (body.unusable) throw new TypeError(`${context}: the body has been read, or is being read.`)
    const type = mimeTypeOf(responseHeaders(response))
    const stream = loadPart<Part>('html-rewriter').rewriteStream(body.stream, {
      handlers: { elements: arraySlice(this.#elements), documents: arraySlice(this.#documents) },
      encoding: (type && mimeParameter(type, 'charset')) ?? 'utf-8',
      tools,
    })
    return withStream(response, stream)
  }
}

defineInterface('HTMLRewriter', HTMLRewriter)

/** A member of a dictionary of handlers, called with the dictionary as `this`. */
function handlerOf(given: Record<string, unknown>, name: string, context: string): Handler | null {
  const handler = given[name]
  if (handler === undefined) return null
  if (typeof handler !== 'function') throw new TypeError(`${context}: '${name}' is not a function.`)
  return token => apply(handler as Handler, given, [token])
}

/** What a handler wants to have written: a string, or the bytes of a stream or of a Response. */
function contentOf(content: unknown): string | ReadableStream {
  if (isReadableStream(content)) return content
  if (!isResponse(content)) return usvString(content)
  const body = responseBody(content)
  if (body === null) return ''
  if (body.unusable)
    throw new TypeError('The body of a Response to be inserted has been read, or is being read.')
  return body.stream
}

/** The text of a stream, piece by piece; null at its end. */
function readTexts(stream: ReadableStream): { next(): Promise<string | null> } {
  const reader = readBytes(stream)
  const decoder = new TextDecoder('utf-8')
  let isOver = false
  return {
    async next() {
      if (isOver) return null
      const bytes = await reader.next()
      isOver = bytes === null
      return decodeWith(decoder, bytes ?? new Uint8Array(0), !isOver)
    },
  }
}

function decodeWith(decoder: TextDecoder, bytes: Uint8Array, stream: boolean): string {
  return apply(textDecode, decoder, [bytes, { stream }]) as string
}
