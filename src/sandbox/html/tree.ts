/**
 * What a tree builder would have the tokenizer do, told from the tags alone: into which namespace an element goes, and
 * how its text is read. After lol-html's simulator (https://github.com/cloudflare/lol-html), which Cloudflare's own
 * HTMLRewriter follows.
 */
import type { TextMode } from './tokenizer.ts'

export type Namespace = 'html' | 'svg' | 'math'

export const NAMESPACE_URIS: Record<Namespace, string> = {
  html: 'http://www.w3.org/1999/xhtml',
  svg: 'http://www.w3.org/2000/svg',
  math: 'http://www.w3.org/1998/Math/MathML',
}

export interface StartTag {
  /** In lower case. */
  name: string
  selfClosing: boolean
  /** The value of an attribute by its lower-case name. */
  attribute(name: string): string | null
}

const TEXT_MODES = new Map<string, TextMode>([
  ['textarea', 'rcdata'],
  ['title', 'rcdata'],
  ['plaintext', 'plaintext'],
  ['script', 'script data'],
  ...['style', 'iframe', 'xmp', 'noembed', 'noframes', 'noscript'].map(
    name => [name, 'rawtext'] as [string, TextMode],
  ),
])

/** https://html.spec.whatwg.org/multipage/parsing.html#parsing-main-inforeign */
const LEAVES_FOREIGN = new Set(
  (
    'b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu ' +
    'meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var'
  ).split(' '),
)
const MATH_TEXT = new Set(['mi', 'mo', 'mn', 'ms', 'mtext'])
const SVG_HTML = new Set(['desc', 'title', 'foreignobject'])

export class TreeSimulator {
  readonly #namespaces: Namespace[] = ['html']
  /** Where it is ambiguous whether a tag changes how text is read. */
  #place: 'anywhere' | 'select' | 'template in select' | 'frameset' = 'anywhere'
  #templates = 0

  get namespace(): Namespace {
    return this.#namespaces[this.#namespaces.length - 1]!
  }

  /** How what follows the tag is read. Throws a TypeError where nobody can say. */
  startTag(tag: StartTag): TextMode {
    this.#watchStart(tag.name)
    const { namespace } = this
    if (tag.name === 'svg' || tag.name === 'math') this.#namespaces.push(tag.name)
    else if (namespace === 'html') return TEXT_MODES.get(tag.name) ?? 'data'
    else if (leavesForeign(tag)) this.#namespaces.pop()
    else if (!tag.selfClosing && isIntegrationPoint(tag, namespace)) this.#namespaces.push('html')
    return 'data'
  }

  endTag(name: string): void {
    if (this.#place === 'select' && name === 'select') this.#place = 'anywhere'
    else if (this.#place === 'template in select' && name === 'template' && --this.#templates === 0)
      this.#place = 'select'
    const { namespace } = this
    if (namespace === 'html') {
      const outer = this.#namespaces[this.#namespaces.length - 2]
      if (
        (outer === 'math' && (MATH_TEXT.has(name) || name === 'annotation-xml')) ||
        (outer === 'svg' && SVG_HTML.has(name))
      )
        this.#namespaces.pop()
    } else if (name === namespace || name === 'p' || name === 'br') this.#namespaces.pop()
  }

  #watchStart(name: string): void {
    const place = this.#place
    if (place === 'anywhere') {
      if (name === 'select') this.#place = 'select'
      else if (name === 'frameset') this.#place = 'frameset'
      return
    }
    if (place === 'select') {
      if (name === 'select' || name === 'textarea' || name === 'input' || name === 'keygen') {
        this.#place = 'anywhere'
        return
      }
      if (name === 'template') {
        this.#place = 'template in select'
        this.#templates = 1
        return
      }
    }
    if (place === 'template in select' && name === 'template') this.#templates++
    const isAllowed =
      (place === 'select' && name === 'script') || (place === 'frameset' && name === 'noframes')
    if (!isAllowed && TEXT_MODES.has(name))
      throw new TypeError(
        `HTMLRewriter cannot tell whether <${name}> counts inside <${place === 'frameset' ? 'frameset' : 'select'}>, and so how what follows is to be read: the markup does not conform.`,
      )
  }
}

function leavesForeign({ name, attribute }: StartTag): boolean {
  if (name !== 'font') return LEAVES_FOREIGN.has(name)
  return ['color', 'size', 'face'].some(key => attribute(key) !== null)
}

function isIntegrationPoint({ name, attribute }: StartTag, namespace: Namespace): boolean {
  if (namespace === 'svg') return SVG_HTML.has(name)
  if (name !== 'annotation-xml') return MATH_TEXT.has(name)
  const encoding = attribute('encoding')?.toLowerCase()
  return encoding === 'text/html' || encoding === 'application/xhtml+xml'
}
