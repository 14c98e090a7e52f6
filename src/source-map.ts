/**
 * Shows an app's stack in terms of its sources, by the source maps in its bundle.
 *
 * Stacks, maps and names are the app's own words: however long, deep or malformed they are, the work is bounded
 * by the sizes below, and what cannot be mapped stays as it is. A large map still takes long to read: the
 * platform's threads that serve requests use stack-mapper.ts.
 */
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping'
import type { BundleModule } from './bundle.ts'

const STACK_LENGTH_MAX = 16_384
const LINE_LENGTH_MAX = 1024
/** Of a line whose short names became long ones. */
const MAPPED_LENGTH_MAX = 2 * LINE_LENGTH_MAX
const LINES_MAX = 64
const NAME_LENGTH_MAX = 512
const FRAME = /\n[ \t]+at [^\n]*:\d+:\d/

/** Finds a module's map; null where there is none that can be read. */
export type TraceOf = (module: string) => TraceMap | null

/**
 * Rewrites each `module:line:column` that a source map of `modules` covers. Lines beyond the bounds are left
 * out, control characters replaced: the result may be shown on a terminal.
 */
export function mapStack(stack: string, modules: readonly BundleModule[]): string {
  const traces = new Map<string, TraceMap | null>()
  return mapStackWith(stack, name => {
    let trace = traces.get(name)
    if (trace === undefined) {
      const map = modules.find(module => module.type === 'sourcemap' && module.name === `${name}.map`)
      trace = map ? readMap(map.content) : null
      traces.set(name, trace)
    }
    return trace
  })
}

/** As `mapStack`, with maps that are found by a function. */
export function mapStackWith(stack: string, traceOf: TraceOf): string {
  const lines = boundStack(stack).split('\n')
  // A source's name is the app's word, too.
  return printable(lines.map(line => mapLine(line, traceOf).slice(0, MAPPED_LENGTH_MAX)).join('\n'))
}

/** A stack that is not mapped: within the bounds, without control characters. */
export function boundStack(stack: string): string {
  const lines = stack.slice(0, STACK_LENGTH_MAX).split('\n')
  const shown = lines.slice(0, LINES_MAX).map(line => line.slice(0, LINE_LENGTH_MAX))
  if (stack.length > STACK_LENGTH_MAX || lines.length > LINES_MAX) shown.push('    …')
  return printable(shown.join('\n'))
}

/** Whether a text, which may say much else, has a stack in it, and would lose nothing were it shown as one. */
export function holdsStack(text: string): boolean {
  return FRAME.test(text) && boundStack(text) === text
}

/** Null if it is no source map. */
export function readMap(content: Uint8Array): TraceMap | null {
  try {
    return new TraceMap(Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('utf8'))
  } catch {
    return null
  }
}

/** Without control characters, which could command a terminal, and without what turns text around. */
export function printable(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}

function mapLine(line: string, traceOf: TraceOf): string {
  let mapped = ''
  let end = 0
  for (const match of line.matchAll(/:(\d{1,7}):(\d{1,7})(?!\d)/g)) {
    const start = nameStart(line, match.index, end)
    const position = original(line.slice(start, match.index), Number(match[1]), Number(match[2]), traceOf)
    if (position === null) continue
    mapped += line.slice(end, start) + position
    end = match.index + match[0].length
  }
  return mapped + line.slice(end)
}

/** Where the file's name that ends at `end` begins: after a space, bracket or quote. */
function nameStart(line: string, end: number, from: number): number {
  let start = end
  while (start > from && end - start < NAME_LENGTH_MAX && !' \t()[]<>"\'`'.includes(line[start - 1]!)) start--
  return start
}

function original(file: string, line: number, column: number, traceOf: TraceOf): string | null {
  const module = file.replace(/^(?:file:\/\/)?\/?(?:\.\/)?/, '')
  const trace = module === '' || line === 0 ? null : traceOf(module)
  if (!trace) return null
  try {
    const found = originalPositionFor(trace, { line, column: Math.max(0, column - 1) })
    if (found.source === null) return null
    // A name of several lines would be several of the stack's.
    const source = found.source.slice(0, NAME_LENGTH_MAX).replaceAll('\n', '\ufffd')
    return `${source}:${found.line}:${found.column + 1}`
  } catch {
    return null
  }
}
