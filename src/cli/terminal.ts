/**
 * Writing for people: aligned tables, sizes and times in words, colour where a terminal shows it.
 *
 * What comes from an app or over the network is cleaned of control characters first, so that nothing an app
 * logs can move the cursor, recolour or retitle the reader's terminal.
 */
import { stripVTControlCharacters, styleText } from 'node:util'

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold'

interface Output {
  write(text: string): unknown
  isTTY?: boolean
}

export class Terminal {
  readonly #out: Output
  readonly #err: Output
  readonly #colours: boolean

  constructor(options: { out: Output; err: Output; env: Record<string, string | undefined> }) {
    this.#out = options.out
    this.#err = options.err
    this.#colours = options.out.isTTY === true && !options.env.NO_COLOR && options.env.TERM !== 'dumb'
  }

  /** A line of the result, on stdout. */
  print(line = ''): void {
    this.#out.write(`${line}\n`)
  }

  /** Something beside the result, on stderr. */
  note(line: string): void {
    this.#err.write(`${line}\n`)
  }

  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2))
  }

  /** Columns under headings, as wide as their widest cell; the last one runs free. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void {
    const cells = rows.map(row => row.map(clean))
    const widths = headings.map((heading, i) => Math.max(heading.length, ...cells.map(row => row[i]!.length)))
    const line = (row: readonly string[]) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
        .join('  ')
        .trimEnd()
    this.print(this.paint('dim', line(headings)))
    for (const row of cells) this.print(line(row))
  }

  paint(colour: Colour, text: string): string {
    return this.#colours ? styleText(colour, text, { validateStream: false }) : text
  }
}

/** Makes control characters visible or drops them; line breaks become spaces. */
export function clean(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\r\n\t]+/g, ' ')
    .replace(
      /[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
      character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}

/** As `clean`, but keeps line breaks: the lines after the first are indented. */
export function cleanLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map(line => clean(line.replaceAll('\t', '  ')))
    .join('\n    ')
}

/** `just now`, `5 min ago`, `3 h ago`, `12 days ago`. Times are milliseconds since the epoch. */
export function ago(time: number, now: number): string {
  const text = duration(now - time)
  return text === '0 s' ? 'just now' : `${text} ago`
}

/** In the largest unit that gives a whole number: `42 s`, `5 min`, `3 h`, `12 days`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  const days = Math.floor(seconds / 86_400)
  return days === 1 ? '1 day' : `${days} days`
}

/** `0.4 ms`, `34 ms`, `1.2 s`. */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`
}

/** `512 B`, `1.4 kB`, `25.0 MB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
