import { type TestContext, test } from 'node:test'
import { encodeBundle } from '../../src/bundle.ts'
import { type AppLogEvent, appLogChannel } from '../../src/channels.ts'
import { ExceptionStacks } from '../../src/scheduler/exception-stacks.ts'
import { StackMapper } from '../../src/stack-mapper.ts'
import { builtWithMap } from '../support/built.ts'
import { startAll } from './real-runtimes.ts'
import { collect, until } from './setup.ts'

const THROWS = `
// A comment that is not in the output moves every line.
interface Shape { sides: number }

function fail(shape: Shape): never {
  throw new Error('sides: ' + shape.sides)
}
export default { fetch: () => fail({ sides: 3 }) }
`
const AT_TOP = `
interface Shape { sides: number }
const shape = null as unknown as Shape
export default { fetch: () => new Response(String(shape)), sides: shape.sides }
`

test('what a running app throws is told in terms of its sources', async (t: TestContext) => {
  await using stacks = new StackMapper()
  await using platform = await startAll({ runtimes: '1' }, { stacks })
  const lines = collect<AppLogEvent>(t, appLogChannel)
  platform.store.deploy('a', encodeBundle((await builtWithMap(THROWS, 'src/shape.ts', 'main.js')).modules))

  t.assert.equal((await platform.ask('a')).status, 500)
  await until(() => lines.length > 0)

  t.assert.match(
    lines[0]!.message,
    /^Error: sides: 3\n {4}at fail \(src\/shape\.ts:6:9\)\n {4}at .*\(src\/shape\.ts:8:/,
  )
  t.assert.equal(lines[0]!.kind, 'exception')
})

test('and so is why one does not start', async (t: TestContext) => {
  await using stacks = new StackMapper()
  await using platform = await startAll({ runtimes: '1' }, { stacks })
  const lines = collect<AppLogEvent>(t, appLogChannel)
  platform.store.deploy('a', encodeBundle((await builtWithMap(AT_TOP, 'src/top.ts', 'main.js')).modules))

  t.assert.equal((await platform.ask('a')).status, 500)
  await until(() => lines.length > 0)

  t.assert.match(lines[0]!.message, /^TypeError: .*\n {4}at src\/top\.ts:4:/)
})

const STACK = 'Error\n    at main.js:1:1'

/** Of an app whose bundle has a source map or none; what was read and mapped. */
async function exceptions({ hasMap }: { hasMap: boolean }) {
  const { modules } = await builtWithMap(THROWS, 'src/shape.ts', 'main.js')
  const bundle = encodeBundle(hasMap ? modules : modules.filter(({ type }) => type !== 'sourcemap'))
  const done = { reads: 0, mapped: 0 }
  const clock = { now: 0 }
  const stacks = new ExceptionStacks({
    stacks: {
      map: async () => {
        done.mapped++
        return 'mapped'
      },
    },
    bundle: async hash => {
      done.reads++
      return hash === 'gone' ? null : bundle
    },
    now: () => clock.now,
  })
  return { stacks, done, clock }
}

test('of an app that throws all the time so many stacks are mapped in a second', async (t: TestContext) => {
  const { stacks, done, clock } = await exceptions({ hasMap: true })
  const shown = () => Array.from({ length: 30 }, () => stacks.shown('a', 'h', STACK) ?? STACK)

  const first = await Promise.all(shown())
  t.assert.deepEqual([first.filter(text => text === 'mapped').length, done.mapped], [10, 10])
  t.assert.equal(await stacks.shown('b', 'h', STACK), 'mapped')
  clock.now = 1000
  await Promise.all(shown())
  t.assert.equal(done.mapped, 21)
})

test('nothing is waited for where there is nothing to map', async (t: TestContext) => {
  const { stacks, done } = await exceptions({ hasMap: false })

  t.assert.equal(stacks.shown('a', 'h', 'Error: without a place'), null)
  t.assert.equal(await stacks.shown('a', 'h', STACK), STACK)
  t.assert.equal(stacks.shown('a', 'h', STACK), null)
  t.assert.equal(await stacks.shown('b', 'gone', STACK), STACK)
  t.assert.deepEqual(done, { reads: 2, mapped: 0 })
})
