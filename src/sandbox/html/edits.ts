/** What handlers have asked to be written in a token's place and around it. */

import type { HtmlTools } from '../html-rewriter.ts'
import type { ReadableStream } from '../streams.ts'

/** Content to be written: markup as it is, anything else escaped. */
export interface Insertion {
  content: string | ReadableStream
  isHtml: boolean
}

/** Of one token, or of an element's end tag. */
export interface Edits {
  before: Insertion[]
  after: Insertion[]
  /** In the token's place. */
  replacement: Insertion | null
  removed: boolean
}

export function newEdits(): Edits {
  return { before: [], after: [], replacement: null, removed: false }
}

/** Content as a handler gives it: a string, a Response or a stream, and `{ html }`. */
export function insertionOf(content: unknown, options: unknown, tools: HtmlTools): Insertion {
  const isHtml = !!tools.dictionary(options, 'Failed to insert content').html
  return { content: tools.contentOf(content), isHtml }
}

export function escapeText(text: string): string {
  return text.replace(/[&<>]/g, character =>
    character === '<' ? '&lt;' : character === '>' ? '&gt;' : '&amp;',
  )
}

export function escapeAttribute(value: string): string {
  return value.replaceAll('"', '&quot;')
}
