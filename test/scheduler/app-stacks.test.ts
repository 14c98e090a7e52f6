import { type TestContext, test } from 'node:test'
import { encodeBundle } from '../../src/bundle.ts'
import { type AppLogEvent, appLogChannel } from '../../src/channels.ts'
import { AppStacks } from '../../src/scheduler/app-stacks.ts'
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

/** What is told first of an app that is made of this, called `file` in its source map, when it is asked. */
async function told(
  t: TestContext,
  source: string,
  file: string,
  { status } = { status: 500 },
): Promise<AppLogEvent> {
  await using stacks = new StackMapper()
  await using platform = await startAll({ runtimes: '1' }, { stacks })
  const lines = collect<AppLogEvent>(t, appLogChannel)
  platform.store.deploy('a', encodeBundle((await builtWithMap(source, file, 'main.js')).modules))
  t.assert.equal((await platform.ask('a')).status, status)
  await until(() => lines.length > 0)
  return lines[0]!
}

test('what a running app throws is told in terms of its sources', async (t: TestContext) => {
  const { kind, message } = await told(t, THROWS, 'src/shape.ts')

  t.assert.match(
    message,
    /^Error: sides: 3\n {4}at fail \(src\/shape\.ts:6:9\)\n {4}at .*\(src\/shape\.ts:8:/,
  )
  t.assert.equal(kind, 'exception')
})

test('and so is why one does not start', async (t: TestContext) => {
  const { message } = await told(t, AT_TOP, 'src/top.ts')

  t.assert.match(message, /^TypeError: .*\n {4}at src\/top\.ts:4:/)
})

const LOGS = `
interface Shape { sides: number }
export default {
  fetch(request: Request) {
    const shape: Shape = { sides: 3 }
    try {
      new URL('shape', 'nowhere')
    } catch (error) {
      console.error('no shape', shape, Object.assign(error as Error, { code: 7 }))
    }
    return new Response()
  },
}
`

test('a stack that an app writes to its console names its sources, and nothing of the sandbox', async (t: TestContext) => {
  const { kind, message } = await told(t, LOGS, 'src/log.ts', { status: 200 })

  t.assert.match(
    message,
    /^no shape \{ sides: 3 \} TypeError: .*\n {4}at Object\.fetch \(src\/log\.ts:7:7\) \{\n {2}code: 7\n\}$/,
  )
  t.assert.equal(kind, 'console')
})

const STACK = 'Error\n    at main.js:1:1'

/** Of apps whose stacks a mapper maps that asks for the modules each time. */
function exceptions() {
  const bundle = encodeBundle([{ name: 'main.js', type: 'esm', content: Buffer.from('0') }])
  const reads: string[] = []
  const clock = { now: 0 }
  const stacks = new AppStacks({
    stacks: {
      hasNone: hash => hash === 'none',
      map: async (stack, { modules }) => ((await modules().catch(() => null)) ? 'mapped' : stack),
    },
    bundle: async (_app, hash) => {
      reads.push(hash)
      return bundle
    },
    now: () => clock.now,
  })
  return { stacks, reads, clock }
}

test('of an app that throws all the time so many stacks are mapped in a second', (t: TestContext) => {
  const { stacks, clock } = exceptions()
  const mapped = (app: string) =>
    Array.from({ length: 30 }, () => stacks.shown(app, 'h', STACK)).filter(shown => shown !== null).length

  t.assert.deepEqual([mapped('a'), mapped('b'), mapped('a')], [10, 10, 0])
  clock.now = 1000
  t.assert.equal(mapped('a'), 10)
})

test('and so many bundles are read for it in ten', async (t: TestContext) => {
  const { stacks, reads, clock } = exceptions()
  const shown = (app: string) =>
    Promise.all(['1', '2', '3', '4'].map(hash => stacks.shown(app, hash, STACK) ?? null))

  t.assert.deepEqual(await shown('a'), ['mapped', 'mapped', 'mapped', STACK])
  t.assert.equal(await stacks.shown('b', '4', STACK), 'mapped')
  clock.now = 10_000
  t.assert.equal(await stacks.shown('a', '4', STACK), 'mapped')
  t.assert.deepEqual(reads, ['1', '2', '3', '4', '4'])
})

test('nothing is waited for where there is nothing to map', (t: TestContext) => {
  const { stacks, reads } = exceptions()

  t.assert.equal(stacks.shown('a', 'h', 'Error: without a place'), null)
  t.assert.equal(stacks.shown('a', 'none', STACK), null)
  t.assert.deepEqual(reads, [])
})
