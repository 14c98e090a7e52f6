/**
 * The URL parser against whatwg-url, the reference implementation, on generated texts. The seed is fixed; a failure
 * names the text.
 */
import { type TestContext, test } from 'node:test'
import * as reference from 'whatwg-url'
import { openSandbox } from '../support/isolate.ts'

/** Not `xn--`: the reference takes ASCII names with malformed Punycode, which the Web Platform Tests refuse. */
// biome-ignore format: a table
const PIECES = [
  'http:', 'https:', 'file:', 'ws:', 'foo:', 'data:', 'blob:', 'mailto:', '/', '//', '\\', '?', '#', '@', ':', ':80', ':443',
  ':65536', '.', '..', '%2e', '%2E%2e', '%', '%zz', '%41', 'a', 'B', 'example.com', 'bücher', '1.2.3.4', '0x7f',
  '256', '[::1]', '[1:2::]', '[', ']', 'C:', 'C|', 'localhost', ' ', '\t', '\n', '\0', "'", '"', '<', '^', '|', '`', '{', '~', '+',
  '&', '=', 'é', '🎉', '\ud800', '\u00ad', '。',
]

const PARTS = [
  'href',
  'origin',
  'username',
  'password',
  'host',
  'port',
  'pathname',
  'search',
  'hash',
] as const
const SETTERS = [
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const

/** Numbers from 0 to `below` - 1, the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

type Case = [text: string, base: string | null, setter: (typeof SETTERS)[number], value: string]

function generate(count: number, seed: number): Case[] {
  const next = numbers(seed)
  const text = (most: number) =>
    Array.from({ length: next(most) }, () => PIECES[next(PIECES.length)]!).join('')
  const cases: Case[] = []
  for (let i = 0; i < count; i++) {
    const base = next(2) === 0 ? null : `${PIECES[next(8)]!}${text(6)}`
    cases.push([
      `${next(2) === 0 ? PIECES[next(8)]! : ''}${text(8)}`,
      base,
      SETTERS[next(SETTERS.length)]!,
      text(5),
    ])
  }
  return cases
}

interface UrlLike extends Record<(typeof PARTS)[number] | (typeof SETTERS)[number], string> {
  toString(): string
}

function outcome(URL: new (text: string, base?: string) => UrlLike, [text, base, setter, value]: Case) {
  let url: UrlLike
  try {
    url = base === null ? new URL(text) : new URL(text, base)
  } catch {
    return 'failure'
  }
  const parsed = PARTS.map(part => url[part])
  url[setter] = value
  return [...parsed, url.href]
}

test('URLs parse and change as the reference implementation has it', async (t: TestContext) => {
  const cases = generate(20_000, 1)
  await using sandbox = await openSandbox(
    "export { URL } from './url.ts'; export { installParts } from './parts.ts'",
    {
      parts: ['idna'],
    },
  )

  const ours = (await sandbox.run(`
    const PARTS = ${JSON.stringify(PARTS)}
    const outcome = ${outcome}
    ;${JSON.stringify(cases)}.map(case_ => outcome(sandbox.URL, case_))
  `)) as unknown[]

  let parsed = 0
  for (const [i, case_] of cases.entries()) {
    const expected = outcome(reference.URL as never, case_)
    if (expected !== 'failure') parsed++
    t.assert.deepEqual(ours[i], expected, JSON.stringify(case_))
  }
  t.assert.ok(parsed > 2000, `${parsed} of ${cases.length} texts are URLs`)
})
