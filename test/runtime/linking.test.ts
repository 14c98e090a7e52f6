import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BundleModule } from '../../src/bundle.ts'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

test('a chain of imports that is too deep to be linked does not start, and its neighbour is served', async () => {
  const neighbour = await runtime.start(`export default { fetch() { return new Response('well') } }`)
  const chain: BundleModule[] = Array.from({ length: 45_000 }, (_, index) => ({
    name: index === 0 ? 'index.js' : `m${index}.js`,
    type: 'esm',
    content: Buffer.from(`import './m${index + 1}.js'; export default { fetch() {} }`),
  }))
  chain.push({ name: `m${chain.length}.js`, type: 'esm', content: Buffer.from('') })

  const [result, { body }] = await Promise.all([
    runtime.start(chain, { limits: { startupCpuMs: 30_000, memoryMb: 512 } }),
    runtime.fetch(neighbour.instance, 'http://app.test/'),
  ])

  assert(result.outcome === 'startupError', JSON.stringify(result))
  assert.match(String(result.message), /^RangeError/)
  assert.equal(body.toString(), 'well')
})

/** Modules `m1` to the last, each exporting all of the next, and one that imports every name of the last through them. */
function reexporting(modules: number, names: number): BundleModule[] {
  const exported = Array.from({ length: names }, (_, index) => `a${index}`)
  const sources = [
    exported.map(name => `export { ${name} } from './m1.js'`).join(';'),
    ...Array.from({ length: modules - 2 }, (_, index) => `export * from './m${index + 2}.js'`),
    `export let ${exported.join()}`,
  ]
  return sources.map((source, index) => ({
    name: index === 0 ? 'index.js' : `m${index}.js`,
    type: 'esm',
    content: Buffer.from(source),
  }))
}

test('modules that take V8 long to link are given up at the limit of the start, with their process', async () => {
  await using doomed = await startRuntime()

  // Far more than they take to compile: a start that is ended then ends alone.
  void doomed.start(reexporting(1000, 40_000), { limits: { startupCpuMs: 1000 } })

  await until(() => doomed.catastrophes.length === 1, 20_000)
})

test('modules with more imports than may be linked do not start', async () => {
  const imports = Array.from({ length: 300 }, (_, index) => `import './m${index}.js'`).join(';')
  const modules: BundleModule[] = Array.from({ length: 300 }, (_, index) => ({
    name: index === 0 ? 'index.js' : `m${index}.js`,
    type: 'esm',
    content: Buffer.from(imports.replace("'./m0.js'", "'./index.js'")),
  }))

  const result = await runtime.start(modules)

  assert(result.outcome === 'startupError', JSON.stringify(result))
  assert.match(String(result.message), /more than 50000 imports/)
})

/** Waits for what a real process does in its own time. */
async function until(condition: () => boolean, waitMs = 5000): Promise<void> {
  const deadline = Date.now() + waitMs
  while (!condition()) {
    assert(Date.now() < deadline, 'it did not come about in time')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
