/**
 * What the documentation tells people to type is typed, against a platform as `vitrine serve` runs it. A block of
 * shell commands under `<!-- tested -->` has to succeed, and what they print has to contain each line `# → …`.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { start } from '../cli/support.ts'
import { until } from '../support/platform.ts'
import { markdownFiles, ROOT, readDocument, testedBlocks } from './markdown.ts'

const directory = mkdtempSync(join(tmpdir(), 'vitrine-docs-'))
const bin = join(ROOT, 'src/cli/bin.mjs')
const serve = start(
  [
    ...['serve', '--apps', join(ROOT, 'apps')],
    ...['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--metrics', '127.0.0.1:0'],
  ],
  { cwd: directory },
)
let printed = ''
serve.stdout!.on('data', text => (printed += text))
serve.stderr!.on('data', text => (printed += text))
let ports: Record<'3080' | '3081' | '9898', string>

before(async () => {
  symlinkSync(join(ROOT, 'apps'), join(directory, 'apps'))
  await until(() => {
    assert.equal(serve.exitCode, null, printed)
    return printed.includes('metrics ')
  }, 30_000)
  const port = (label: string) => new RegExp(`^ +${label} +http://[^:]+:(\\d+)/`, 'm').exec(printed)![1]!
  ports = { 3080: port('apps'), 3081: port('control'), 9898: port('metrics') }
})

after(async () => {
  serve.kill()
  await once(serve, 'exit')
  rmSync(directory, { recursive: true })
})

for (const file of markdownFiles()) {
  for (const [index, block] of testedBlocks(readDocument(file)).entries()) {
    test(`the commands of ${file}, block ${index + 1}, do what it says`, async () => {
      const { code, output } = await run(block)

      assert.equal(code, 0, output)
    })
  }
}

/** `npx` runs this checkout's command or Node; the ports are the test platform's. */
const SHELL = `set -Eeuo pipefail
npx() { case "$1" in vitrine) "$NODE" "$BIN" "\${@:2}";; node) "$NODE" "\${@:2}";; *) return 127;; esac; }
seen=$(mktemp -p .)
trap 'cat "$seen" >&3' ERR
expect() { grep -qF -- "$1" "$seen" || { echo "not printed: $1" >&3; false; }; }
exec 3>&1 >>"$seen" 2>&1
`

async function run(block: string): Promise<{ code: number | null; output: string }> {
  const script = block
    .replaceAll(/(?<=:)(3080|3081|9898)\b/g, port => ports[port as keyof typeof ports])
    .replaceAll(/^# → (.+)$/gm, (_, text: string) => `expect '${text.replaceAll("'", "'\\''")}'`)
  const child = spawn('bash', ['-c', SHELL + script], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      NODE: process.execPath,
      BIN: bin,
      VITRINE_URL: `http://127.0.0.1:${ports[3081]}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = script
  child.stdout.on('data', text => (output += text))
  child.stderr.on('data', text => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}
