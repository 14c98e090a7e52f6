import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { markdownFiles, ROOT, readDocument } from './markdown.ts'

for (const file of markdownFiles()) {
  test(`the links of ${file} lead somewhere`, () => {
    const broken = relativeLinks(readDocument(file)).filter(link => !leadsSomewhere(file, link))

    assert.deepEqual(broken, [])
  })
}

test('nobody is left out: every page of docs/ can be found from README.md', () => {
  const found = new Set(['README.md'])
  for (const file of found)
    for (const link of relativeLinks(readDocument(file))) {
      const target = join(dirname(file), link.split('#')[0]!)
      if (target.endsWith('.md')) found.add(target)
    }

  assert.deepEqual(
    markdownFiles().filter(file => !found.has(file)),
    [],
  )
})

function relativeLinks(text: string): string[] {
  const prose = text
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, code => code.replaceAll(']', ''))
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter(link => !/^[a-z]+:/.test(link))
}

function leadsSomewhere(file: string, link: string): boolean {
  const [path, anchor] = link.split('#') as [string, string?]
  const target = path === '' ? file : join(dirname(file), path)
  if (!existsSync(join(ROOT, target))) return false
  if (anchor === undefined) return true
  return !statSync(join(ROOT, target)).isDirectory() && anchors(readDocument(target)).includes(anchor)
}

/** As GitHub makes them of headings. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
