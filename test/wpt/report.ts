/** What the runner shows: the table by area, on the terminal and in docs/web-api.md, which is made from it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AREAS, type Area } from './areas.ts'
import { type Expectations, type ExpectedTest, failureCount, type Tally, tally } from './expectations.ts'

/** Why subtests fail: the first entry whose pattern matches `<test>: <subtest>` explains it. */
interface Reason {
  pattern: string
  reason: string
}

const REASONS = JSON.parse(readFileSync(join(import.meta.dirname, 'reasons.json'), 'utf8')) as Reason[]

const HEAD = ['area', 'passed', 'of', '%', 'workerd %', 'Node %', '']

/** One line of the table. */
export function row({ name, reference }: Area, { passed, subtests }: Tally): string[] {
  const share = percentage({ passed, subtests })
  const better = Math.max(reference.workerd, reference.node)
  // Shares are compared as they are shown.
  const verdict = share >= better ? 'best' : share >= reference.workerd ? 'workerd’s' : 'behind'
  const shown = subtests === 0 ? '–' : share.toFixed(1)
  const numbers = [passed, subtests, shown, reference.workerd.toFixed(1), reference.node.toFixed(1)]
  return [name, ...numbers.map(String), verdict]
}

/** Cut off, not rounded: only all is 100 %. */
function percentage({ passed, subtests }: Tally): number {
  return subtests === 0 ? 0 : Math.floor((passed / subtests) * 1000) / 10
}

/** The table for a terminal. */
export function textTable(rows: readonly string[][]): string {
  const all = [HEAD, ...rows]
  const widths = HEAD.map((_, i) => Math.max(...all.map(cells => cells[i]!.length)))
  const aligned = (cell: string, i: number) =>
    i === 0 || i === HEAD.length - 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)
  return all.map(cells => cells.map(aligned).join('  ').trimEnd()).join('\n')
}

const INTRODUCTION = `# Web APIs in the sandbox

How far apps can rely on the Web platform, as the [Web Platform Tests](https://web-platform-tests.org) judge it. This page
is made by \`npm run wpt -- --wpt DIR --update\` from [test/wpt/expected](../test/wpt/expected) and
[test/wpt/reasons.json](../test/wpt/reasons.json); do not edit it.

The \`.any.js\` tests of settled behaviour that need neither a page nor a server of programs run as deployed apps, each in
an isolate of its own, through the whole platform. Counted are subtests. Beside them stand the shares that workerd
1.20261117 and Node 26 pass of the same areas: *best* is at least as good as the better of the two, *workerd’s* at least as
good as workerd. \`--engine workerd\` and \`--engine node\` run the very same tests on the versions installed here.
`

/** docs/web-api.md. */
export function document(expectationsOf: (area: string) => Expectations): string {
  const areas = AREAS.map(area => ({ area, expected: expectationsOf(area.name) }))
  const rows = areas.map(({ area, expected }) => row(area, tally(expected)))
  const table = [HEAD, HEAD.map((_, i) => (i > 0 && i < HEAD.length - 1 ? '--:' : '---')), ...rows]
  const failing = areas.filter(({ expected }) => Object.values(expected).some(test => failureCount(test) > 0))
  return `${[
    INTRODUCTION,
    `${table.map(cells => `| ${cells.join(' | ')} |`).join('\n')}\n`,
    '## What fails, and why\n',
    ...failing.map(({ area, expected }) => `### ${area.name}\n\n${failuresOf(expected)}\n`),
  ].join('\n')}`
}

function failuresOf(expected: Expectations): string {
  return Object.entries(expected)
    .filter(([, test]) => failureCount(test) > 0)
    .map(([id, test]) => `- \`${id}\`\n${lines(id, test).join('\n')}`)
    .join('\n')
}

/** Subtests that fail for one reason stand together. */
function lines(id: string, { failures = {} }: ExpectedTest): string[] {
  if (typeof failures === 'number') {
    const reason = reasonFor(id, '')
    return [`  - ${failures} subtests${reason === undefined ? '' : `: ${reason}`}`]
  }
  const byReason = new Map<string, string[]>()
  for (const [name, message] of Object.entries(failures)) {
    const reason = reasonFor(id, name) ?? code(message)
    byReason.set(reason, [...(byReason.get(reason) ?? []), code(name)])
  }
  return [...byReason].map(([reason, names]) => `  - ${reason}: ${names.join(', ')}`)
}

function reasonFor(id: string, name: string): string | undefined {
  return REASONS.find(({ pattern }) => new RegExp(pattern, 'u').test(`${id}: ${name}`))?.reason
}

/** Whatever a test is called, it stays one span of code on one line. */
function code(text: string): string {
  const shown = text.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, char => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  const fence = '`'.repeat(1 + Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length)))
  const space = /^[` ]|[` ]$/.test(shown) || shown === '' ? ' ' : ''
  return `${fence}${space}${shown}${space}${fence}`
}
