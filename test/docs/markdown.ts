/** The documentation's files, and what tests look for in them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

const DIRECTORIES = ['.', 'docs', 'apps', 'bench']

/** Every Markdown file, relative to the root. */
export function markdownFiles(): string[] {
  return DIRECTORIES.flatMap(directory =>
    readdirSync(join(ROOT, directory))
      .filter(name => name.endsWith('.md'))
      .map(name => join(directory, name)),
  ).sort()
}

export function readDocument(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** The shell blocks that a document marks with `<!-- tested -->`. */
export function testedBlocks(text: string): string[] {
  return [...text.matchAll(/<!-- tested -->\n```sh\n([\s\S]*?)```/g)].map(([, block]) => block!)
}

/** Rows of the tables of a document, as trimmed cells, without heads and rules. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n')
  return lines
    .filter(
      (line, i) =>
        line.startsWith('|') && !/^\|[\s:|-]+$/.test(line) && !/^\|[\s:|-]+$/.test(lines[i + 1] ?? ''),
    )
    .map(line =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
}
