/** Starts that fail, and what they cost. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { until } from '../scheduler/setup.ts'
import { LIMITS, startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

for (const [name, source, expected] of [
  ['a syntax error', 'export default {', /SyntaxError: .*\[index\.js:1:/],
  ['a throwing top level', '\n\nthrow new Error("no luck")', /Error: no luck/],
  ['no default export', 'export const x = 1', /no default export/],
  ['no handler', 'export default {}', /no handler/],
  [
    'a missing import',
    'import "./gone.js"; export default {}',
    /index\.js imports "\.\/gone\.js", which is not in the bundle/,
  ],
  ['a Node.js import', 'import "node:fs"; export default {}', /Node\.js modules are not part/],
  [
    'an endless top-level await',
    'await new Promise(() => {}); export default { fetch() {} }',
    /top level still awaits/,
  ],
  ['fetch at top level', 'await fetch("http://example.com"); export default { fetch() {} }', /global scope/],
] as const) {
  test(`an app with ${name} does not start, and its developer learns why`, async () => {
    const result = await runtime.start(source)

    assert(result.outcome === 'startupError', JSON.stringify(result))
    assert.match(String(result.message), expected)
    assert.doesNotMatch(result.stack ?? '', /src\/runtime/)
  })
}

test('a bundle that cannot be read fails its start, and nothing else', async t => {
  const bundle = Buffer.from('nonsense')
  const spec = {
    app: 'app',
    version: 'v1',
    main: 'index.js',
    syntax: 'module' as const,
    compatibilityFlags: [],
    vars: {},
    limits: LIMITS,
    bundleHash: 'hash',
    bundleBytes: bundle.length,
  }
  const result = await runtime.client.start(1_000_000, spec, bundle)
  const next = await runtime.start('export default { fetch() {} }')

  t.assert.deepEqual([result.outcome, next.outcome], ['startupError', 'ok'])
})

test('errors of megabytes do not pile up where they are told', async t => {
  await using own = await startRuntime()
  const residentMb = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${own.pid}/status`, 'latin1'))![1]) / 1024
  const fail = () => own.start(`throw new Error('x'.repeat(2e6))`)
  await fail()
  const before = residentMb()
  for (let i = 0; i < 100; i++) await fail()

  const grownMb = residentMb() - before
  t.assert.equal(grownMb < 100, true, `${grownMb} MB more`)
})

test('a top level that never ends is stopped at its own limit', async () => {
  const result = await runtime.start('for (;;) {}', { limits: { startupCpuMs: 100 } })

  assert.equal(result.outcome, 'exceededCpu')
})

test('nobody waits for a top level that cannot be ended, while its process is still to die', async t => {
  await using own = await startRuntime()
  const result = await own.start('let n = 3n; for (;;) n *= n', { limits: { startupCpuMs: 100 } })
  const diedBefore = own.catastrophes.length
  await until(() => own.catastrophes.length > 0)

  t.assert.equal(result.outcome, 'exceededCpu')
  t.assert.equal(result.outcome === 'exceededCpu' && result.isEnding, true)
  t.assert.equal(diedBefore, 0)
})
