/** The runner of the Web Platform Tests, on a checkout made here: no test of theirs is needed, nor their harness. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Area } from './areas.ts'
import { testsOf } from './checkout.ts'
import { compare, expectationsFrom, readExpectations, tally, writeExpectations } from './expectations.ts'
import { runTests, type TestResult, WHOLE } from './run-tests.ts'

/** Just as much of a harness as the tests below use. */
const HARNESS = `
const tests = []
const callbacks = []
const finish = status => callbacks.forEach(callback => callback(tests, { status, message: null }))
const record = (name, status, message = null) => tests.push({ name, status, message })
let pending = 0
self.add_completion_callback = callback => callbacks.push(callback)
self.promise_test = (run, name) => {
  pending++
  const entry = tests[record(name, 3) - 1]
  run().then(() => { entry.status = 0 }, error => Object.assign(entry, { status: 1, message: error.message }))
    .then(() => { if (--pending === 0) finish(0) })
}
self.test = (run, name) => promise_test(async () => run(), name)
self.timeout = () => finish(2)
self.assert_equals = (actual, expected) => {
  if (actual !== expected) throw new Error('expected ' + expected + ' got ' + actual)
}
`

const FILES = {
  'resources/testharness.js': HARNESS,
  'area/resources/data.json': '{"answer":42}',
  'area/support.js': 'function support() { return "support" }',
  'area/good.any.js': `// META: title=Good things
// META: script=support.js
test(() => assert_equals(self.support(), 'support'), 'scripts are global')
promise_test(async () => {
  const { answer } = await (await fetch('resources/data.json')).json()
  assert_equals(answer, 42)
}, 'files of the checkout can be fetched')
test(() => assert_equals((function () { return this })(), globalThis), 'scripts are sloppy')`,
  'area/bad.any.js': `test(() => assert_equals(1, 2), 'one is two')
test(() => {}, 'nothing')`,
  'area/slow.any.js': `test(() => {}, 'quick')
promise_test(() => new Promise(() => {}), 'never')`,
  'area/strict.any.js': `'use strict'
test(() => assert_equals((function () { return this })(), undefined), 'strict if it says so')`,
  'area/throws.any.js': 'undefinedFunction()',
  'area/variants.any.js': `// META: variant=?one
// META: variant=?two
test(() => assert_equals(location.search, '?one'), 'the first variant')`,
  'area/page.any.js': '// META: global=window\ntest(() => {}, "a page")',
  'area/unsettled.tentative.any.js': 'test(() => {}, "unsettled")',
  'area/served.any.js': 'test(() => fetch("resources/echo.py"), "served")',
}

const AREA: Area = {
  name: 'area',
  paths: ['area'],
  reference: { subtests: 10, workerd: 50, node: 50 },
}

function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-wpt-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

function makeCheckout(t: TestContext): string {
  const directory = makeDirectory(t)
  for (const [name, content] of Object.entries(FILES)) {
    const file = join(directory, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  return directory
}

test('tests run as apps, and each subtest ends as the harness says', async t => {
  const checkout = makeCheckout(t)

  const results = await runTests(testsOf(checkout, AREA), { checkout, timeoutMs: 1000 })

  const outcomes = Object.fromEntries(
    results.map(({ test, subtests }) => [test.id, Object.fromEntries(subtests)]),
  )
  assert.deepEqual(outcomes, {
    'area/bad.any.js': { 'one is two': 'expected 2 got 1', nothing: '' },
    'area/good.any.js': {
      'scripts are global': '',
      'files of the checkout can be fetched': '',
      'scripts are sloppy': '',
    },
    'area/slow.any.js': { quick: '', never: 'it did not run' },
    'area/strict.any.js': { 'strict if it says so': '' },
    'area/throws.any.js': { [WHOLE]: 'it threw ReferenceError: undefinedFunction is not defined' },
    'area/variants.any.js?one': { 'the first variant': '' },
    'area/variants.any.js?two': { 'the first variant': 'expected ?one got ?two' },
  })
})

for (const engine of ['node', 'workerd'] as const) {
  test(`the same tests run on ${engine}, for comparison`, async t => {
    const checkout = makeCheckout(t)
    const tests = testsOf(checkout, AREA).filter(({ file }) => /good|bad/.test(file))

    const results = await runTests(tests, { checkout, engine })

    const outcomes = results.map(({ subtests }) => [...subtests.values()])
    assert.deepEqual(outcomes, [
      ['expected 2 got 1', ''],
      ['', '', ''],
    ])
  })
}

/** A result of a test that never ran. */
function result(file: string, subtests: Record<string, string>): TestResult {
  const test = { file, variant: '', id: file, title: file, isLong: false, scripts: [] }
  return { test, subtests: new Map(Object.entries(subtests)) }
}

test('what fails, is gone or is new and fails has regressed; what passes unexpectedly is a gain', () => {
  const before = [
    result('a.any.js', { passes: '', fails: 'for a reason' }),
    result('b.any.js', { stays: '', goes: '' }),
    result('c.any.js', { only: '' }),
  ]
  const after = [
    result('a.any.js', { passes: 'no more', fails: '' }),
    result('b.any.js', { stays: '' }),
    result('d.any.js', { new: 'and broken', fine: '' }),
  ]

  const { regressions, gained } = compare(expectationsFrom(before), after)

  assert.deepEqual(regressions, [
    'a.any.js: “passes” fails: no more',
    'b.any.js: 1 of 2 subtests are gone',
    'c.any.js is not in the checkout',
    'd.any.js: “new” fails: and broken',
  ])
  assert.equal(gained, 1)
})

test('expectations are kept in a file; failures beyond a hundred as their number', t => {
  const directory = makeDirectory(t)
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`subtest ${i}`, 'why']))
  const results = [
    result('few.any.js', { good: '', bad: 'x'.repeat(500) }),
    result('many.any.js', { good: '', ...many }),
  ]
  const worse = [results[0]!, result('many.any.js', { good: 'why', ...many })]

  writeExpectations('area', expectationsFrom(results), directory)
  const expected = readExpectations('area', directory)

  assert.deepEqual(expected, {
    'few.any.js': { subtests: 2, failures: { bad: `${'x'.repeat(120)}…` } },
    'many.any.js': { subtests: 102, failures: 101 },
  })
  assert.deepEqual(tally(expected), { passed: 2, subtests: 104 })
  assert.deepEqual(compare(expected, results), { regressions: [], gained: 0 })
  assert.deepEqual(compare(expected, worse).regressions, [
    'many.any.js: 102 subtests fail, 101 are expected to',
  ])
})

test('without a checkout the command says how to get one', t => {
  const run = (...args: string[]) => {
    const command = ['--no-node-snapshot', join(import.meta.dirname, 'run.ts'), ...args]
    return spawnSync(process.execPath, command, { encoding: 'utf8', env: { PATH: process.env.PATH } })
  }
  const empty = makeDirectory(t)

  const [none, wrong, unknown] = [run(), run('--wpt', empty), run('--wpt', empty, 'nowhere')]

  assert.deepEqual([none.status, wrong.status, unknown.status], [1, 1, 1])
  const hint =
    'git clone --depth 1 https://github.com/web-platform-tests/wpt, then pass --wpt DIR or set WPT_DIR.\n'
  assert.equal(none.stderr, `No checkout of the Web Platform Tests is named: ${hint}`)
  assert.equal(wrong.stderr, `${empty} is no checkout of the Web Platform Tests: ${hint}`)
  assert.match(unknown.stderr, /^There is no area nowhere: use one of url, /)
})
