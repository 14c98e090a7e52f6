import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BundleModule } from '../../src/bundle.ts'
import { mapStack } from '../../src/source-map.ts'
import { anyJson, bytes, holds, textOf } from './property.ts'
import { STACKS } from './regressions.ts'

/** 64 lines of at most twice 1024 characters, and the one that says that there were more. */
const MAPPED_CHARS_MAX = 64 * 2049 + 16

const stacks = textOf(
  [
    'a',
    'a.js',
    ':',
    '1',
    ':1:1',
    '99999999',
    'at ',
    ' (',
    ')',
    '\n',
    '\n    at f (a:1:1)',
    'file:///',
    './',
    '<anonymous>',
    '\u001b[2J',
    '\u202e',
    '\r',
  ],
  60,
)
const mappings = textOf(['A', 'AAAA', ';', ',', 'C', 'gggggggggg', '/', '+', '!'], 20)
const maps = fc.oneof(
  fc
    .record(
      {
        version: fc.constantFrom<unknown>(3, 2, '3'),
        sources: fc.oneof(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constant(null))), anyJson),
        names: anyJson,
        mappings: fc.oneof(mappings, anyJson),
        sourceRoot: anyJson,
        sections: anyJson,
        ignoreList: anyJson,
      },
      { requiredKeys: ['version', 'sources', 'mappings'] },
    )
    .map(map => Buffer.from(JSON.stringify(map))),
  bytes(60),
)

test('a stack comes out bounded and without what commands a terminal, whatever it and its map say', async () => {
  const examples = STACKS.map(([stack, source]): [string, Buffer] => [
    stack,
    Buffer.from(JSON.stringify({ version: 3, sources: [source], names: [], mappings: 'AAAA' })),
  ])
  await holds(fc.tuple(stacks, maps), { runs: 3000, examples }, ([stack, content]) => {
    const modules: BundleModule[] = [
      { name: 'a.map', type: 'sourcemap', content },
      { name: 'a.js.map', type: 'sourcemap', content },
    ]
    const began = performance.now()
    const mapped = mapStack(stack, modules)

    assert.ok(performance.now() - began < 500)
    assert.ok(mapped.length <= MAPPED_CHARS_MAX, `${mapped.length} characters`)
    assert.doesNotMatch(mapped, /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/)
    assert.equal(mapStack(stack, []).split('\n').length >= mapped.split('\n').length, true)
  })
})
