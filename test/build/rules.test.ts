import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectiveRules, globPattern, moduleTypeOf, specifierFilter } from '../../src/build/rules.ts'

const globs: [string, string[], string[]][] = [
  ['**/*.txt', ['a.txt', './a.txt', '../a.txt', 'x/y/a.txt', '/abs/a.txt'], ['a.txt.js', 'atxt']],
  ['*.txt', ['a.txt', './a.txt'], ['x/a.txt']],
  ['lib/**/*.{html,sql}', ['lib/a.html', './lib/x/y.sql'], ['a.html', 'lib/a.txt']],
  ['a?.bin', ['ab.bin'], ['a.bin', 'a/.bin']],
  ['(x)+[1].txt', ['(x)+[1].txt'], ['xx1.txt']],
]
for (const [glob, matching, others] of globs) {
  test(`the glob ${glob} matches paths and specifiers as wrangler's does`, () => {
    for (const path of matching) assert.match(path, globPattern(glob))
    for (const path of others) assert.doesNotMatch(path, globPattern(glob))
  })
}

test('the defaults know text, data and WebAssembly, with or without ?module', () => {
  const { rules } = effectiveRules([])

  const types = ['a.txt', 'a.html', 'a.sql', 'a.bin', './x/a.wasm', './a.wasm?module', 'a.js', 'a.json'].map(
    path => moduleTypeOf(path, rules),
  )

  assert.deepEqual(types, ['text', 'text', 'text', 'data', 'wasm', 'wasm', undefined, undefined])
  assert.match('./a.wasm?module', specifierFilter(rules))
  assert.doesNotMatch('./a.js', specifierFilter(rules))
})

test('a configured rule ends those of its type after it, unless it falls through', () => {
  const alone = effectiveRules([{ type: 'Text', globs: ['**/*.md'] }])
  const falling = effectiveRules([{ type: 'Text', globs: ['**/*.md'], fallthrough: true }])

  assert.deepEqual(
    [moduleTypeOf('a.md', alone.rules), moduleTypeOf('a.txt', alone.rules)],
    ['text', undefined],
  )
  assert.deepEqual(
    alone.ignored.map(({ type }) => type),
    ['Text'],
  )
  assert.deepEqual(
    [moduleTypeOf('a.md', falling.rules), moduleTypeOf('a.txt', falling.rules)],
    ['text', 'text'],
  )
  assert.deepEqual(falling.ignored, [])
})
