/** docs/configuration.md is made from the table of settings. `UPDATE_DOCS=1 node --test` on this file writes it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { flagOf, OPTIONS, variableOf } from '../../src/config.ts'
import { ROOT, readDocument } from './markdown.ts'

const FILE = 'docs/configuration.md'

const HEAD = `# Configuration

Made from \`OPTIONS\` in [src/config.ts](../src/config.ts) by \`UPDATE_DOCS=1 node --test test/docs/configuration.test.ts\`.

Each setting can be given as a flag of \`vitrine serve\`, as a variable of the environment, or as a key of \`vitrine.json\` in
the working directory (another file by \`VITRINE_CONFIG\`). A flag beats the environment, which beats the file:

\`\`\`sh
vitrine serve --cpu-ms 50
VITRINE_CPU_MS=50 vitrine serve
echo '{"cpuMs": 50}' > vitrine.json && vitrine serve
\`\`\`

An unknown or malformed one is refused, by name, before any port opens. Addresses are \`host:port\`, \`[::1]:port\`, \`:port\`
or \`port\`; port 0 takes a free one and prints it. Lists are separated by commas, in the file they are JSON lists.

| \`vitrine.json\` | flag | variable | default | |
|---|---|---|---|---|
`

interface Setting {
  kind: string
  default: unknown
  help: string
  unit?: string
  min?: number
  max?: number
  form?: string
}

/** Where no maximum is meant: as much as an integer of 32 bits holds. */
const UNBOUNDED = 2 ** 31 - 1

function row([name, setting]: [string, Setting]): string {
  const flag = setting.kind === 'boolean' ? flagOf(name) : `${flagOf(name)} ${shownValue(setting)}`
  const cells = [
    `\`${name}\``,
    `\`--${flag}\``,
    `\`${variableOf(name)}\``,
    defaultOf(setting),
    helpOf(setting),
  ]
  return `| ${cells.map(cell => cell.replaceAll(/[|<]/g, '\\$&')).join(' | ')} |`
}

function shownValue({ kind, form }: Setting): string {
  if (kind === 'address') return 'H:P'
  return form ?? (kind === 'text' ? 'TEXT' : 'N')
}

function defaultOf({ default: value, unit }: Setting): string {
  if (value === '' || (Array.isArray(value) && value.length === 0)) return '–'
  const shown = unit === 'ms' || unit === 'MB' || unit === 'bytes' ? ` ${unit}` : ''
  const bytes = unit === 'bytes' && Number(value) >= 2 ** 20 ? ` (${Number(value) / 2 ** 20} MiB)` : ''
  return `\`${value}\`${shown}${bytes}`
}

function helpOf({ kind, help, min, max }: Setting): string {
  if (kind !== 'integer' && kind !== 'number') return help
  const least = min !== undefined && min !== 1 ? `at least ${min}` : ''
  const most = max !== undefined && max !== UNBOUNDED ? `at most ${max}` : ''
  const range = [least, most].filter(Boolean).join(', ')
  return range === '' ? help : `${help} (${range})`
}

test('docs/configuration.md has every setting as it is', () => {
  const expected = `${HEAD}${(Object.entries(OPTIONS) as [string, Setting][]).map(row).join('\n')}\n`
  if (process.env.UPDATE_DOCS) writeFileSync(join(ROOT, FILE), expected)

  const documentation = readDocument(FILE)

  assert.ok(documentation === expected, 'renew it: UPDATE_DOCS=1 node --test test/docs/configuration.test.ts')
})
