import { suite, type TestContext, test } from 'node:test'
import type { BundleModule } from '../src/bundle.ts'
import { holdsStack, mapStack } from '../src/source-map.ts'
import { StackMapper } from '../src/stack-mapper.ts'
import { builtWithMap, positionOf } from './support/built.ts'

const SOURCE = `
// A comment that is not in the output moves every line.
interface Shape { sides: number }

export function fail(shape: Shape): never {
  throw new Error('sides: ' + shape.sides)
}
`

test('positions in a built module become positions in its sources', async (t: TestContext) => {
  const { modules, code } = await built()
  const [line, column] = positionOf(code, 'new Error')

  const mapped = mapStack(
    `Error: sides: 3\n    at fail (index.js:${line}:${column})\n    at index.js:${line}:${column}`,
    modules,
  )

  t.assert.equal(mapped, 'Error: sides: 3\n    at fail (src/shape.ts:6:9)\n    at src/shape.ts:6:9')
})

test('a module is found by its name however an engine writes it', async (t: TestContext) => {
  const { modules, code } = await built()
  const position = positionOf(code, 'new Error').join(':')

  for (const written of ['index.js', './index.js', '/index.js', 'file:///index.js']) {
    t.assert.match(mapStack(`at fail (${written}:${position})`, modules), /\(src\/shape\.ts:6:9\)/, written)
  }
  t.assert.match(mapStack(`Unexpected token [index.js:${position}]`, modules), /\[src\/shape\.ts:6:9\]/)
})

test('what no map covers stays as it is', async (t: TestContext) => {
  const { modules } = await built()

  for (const line of [
    'at other.js:1:2',
    'at index.js:99999:1',
    'at index.js',
    'at index.js:0:0',
    'a:b:c',
    '',
  ]) {
    t.assert.equal(mapStack(line, modules), line)
  }
})

test('a map that is none is ignored', (t: TestContext) => {
  for (const text of [
    '',
    'null',
    '{}',
    '[]',
    '{"version":3}',
    '{"version":3,"sources":[],"mappings":"!!!"}',
    '{"sections":1}',
  ]) {
    t.assert.equal(mapStack('at index.js:1:1', [sourceMap(text)]), 'at index.js:1:1', text)
  }
})

suite('a hostile stack', () => {
  test('of any length costs a bounded time and gives a bounded text', async (t: TestContext) => {
    const { modules } = await built()
    const stacks = [
      'a'.repeat(1e6),
      ':1'.repeat(5e5),
      'index.js:1:1'.repeat(1e5),
      '\n'.repeat(1e6),
      'x:1:1 '.repeat(1e5),
      '(('.repeat(1e5),
    ]

    const before = process.cpuUsage()
    for (const stack of stacks) t.assert.ok(mapStack(stack, modules).length < 1e5)

    t.assert.ok(process.cpuUsage(before).user < 1e6)
  })

  test('cannot command a terminal, nor can a map', (t: TestContext) => {
    const evil = JSON.stringify({
      version: 3,
      sources: ['\u001b[2J\u202eevil.ts'],
      names: [],
      mappings: 'AAAA',
    })

    const mapped = mapStack('\u001b]0;title\u0007 at (index.js:1:1)', [sourceMap(evil)])

    t.assert.equal(mapped, '\ufffd]0;title\ufffd at (\ufffd[2J\ufffdevil.ts:1:1)')
  })
})

suite('StackMapper', () => {
  test('maps as mapStack does, in a thread of its own', async (t: TestContext) => {
    const { modules, code } = await built()
    const stack = `Error\n    at fail (index.js:${positionOf(code, 'new Error').join(':')})`
    await using mapper = new StackMapper()

    t.assert.equal(
      await mapper.map(stack, { hash: 'h', modules: async () => modules }),
      mapStack(stack, modules),
    )
    t.assert.equal(
      await mapper.map(stack, { hash: 'h', modules: async () => modules }),
      mapStack(stack, modules),
    )
  })

  test('gives the stack back when there are too many to map', async (t: TestContext) => {
    const { modules, code } = await built()
    const stack = `at index.js:${positionOf(code, 'new Error').join(':')}`
    await using mapper = new StackMapper()

    const mapped = await Promise.all(
      Array.from({ length: 40 }, () => mapper.map(stack, { hash: 'h', modules: async () => modules })),
    )

    t.assert.deepEqual(new Set(mapped), new Set([stack, mapStack(stack, modules)]))
  })

  test('does not read the maps of a bundle again that its thread has died of', async (t: TestContext) => {
    const { modules, code } = await built()
    const stack = `at index.js:${positionOf(code, 'new Error').join(':')}`
    await using mapper = new StackMapper()
    process.once('worker', worker => void worker.terminate())

    const [fatal, other] = await Promise.all([
      mapper.map(stack, { hash: 'fatal', modules: async () => modules }),
      mapper.map(stack, { hash: 'other', modules: async () => modules }),
    ])

    t.assert.equal(fatal, stack)
    t.assert.equal(other, mapStack(stack, modules))
    t.assert.equal(await mapper.map(stack, { hash: 'fatal', modules: async () => modules }), stack)
  })
})

test('a text is shown as a stack if it has one in it and nothing of it would be lost', (t: TestContext) => {
  const stack = 'failed: Error: no\n    at fail (index.js:1:2)\n  code: 7'

  t.assert.equal(holdsStack(stack), true)
  for (const other of ['at 12:30:05', 'failed\n  at noon', `${stack}\u001b[31m`, stack + '\n'.repeat(100)]) {
    t.assert.equal(holdsStack(other), false, JSON.stringify(other))
  }
})

const built = () => builtWithMap(SOURCE, 'src/shape.ts', 'index.js')

function sourceMap(text: string): BundleModule {
  return { name: 'index.js.map', type: 'sourcemap', content: Buffer.from(text) }
}
