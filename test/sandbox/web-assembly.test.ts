import { after, before, type TestContext, test } from 'node:test'
import { CONTROL, CONTROL_BYTES } from '../../src/sandbox/wire.ts'
import { openSandbox, type Sandbox } from '../support/isolate.ts'

const PAGE_KIB = 64

/** (module (memory (export "memory") 3)), and one that imports "m" "memory" and exports it as "again". */
const EXPORTS = '[0,97,115,109,1,0,0,0,5,3,1,0,3,7,10,1,6,109,101,109,111,114,121,2,0]'
const IMPORTS =
  '[0,97,115,109,1,0,0,0,2,13,1,1,109,6,109,101,109,111,114,121,2,0,0,7,9,1,5,97,103,97,105,110,2,0]'

let sandbox: Sandbox

before(async () => {
  sandbox = await openSandbox(`
    export { countWasmMemory, installWebAssembly, tellWasmMemory } from './web-assembly.ts'`)
  await sandbox.run(`sandbox.installWebAssembly()
    globalThis.control = new SharedArrayBuffer(${CONTROL_BYTES}); sandbox.tellWasmMemory(control)
    globalThis.kib = () => { sandbox.countWasmMemory(); return new Int32Array(control)[${CONTROL.wasmKib}] }
    globalThis.bytes = list => new Uint8Array(list); 0`)
})

after(() => sandbox[Symbol.asyncDispose]())

/** By how many pages the count grows. */
async function pages(code: string): Promise<number> {
  return (
    ((await sandbox.run(`(() => { const before = kib(); ${code}; return kib() - before })()`)) as number) /
    PAGE_KIB
  )
}

test('memories are counted when they are made and when they grow, shared ones too', async (t: TestContext) => {
  t.assert.equal(await pages('globalThis.a = new WebAssembly.Memory({ initial: 2 })'), 2)
  t.assert.equal(await pages('a.grow(5)'), 5)
  t.assert.equal(
    await pages('globalThis.b = new WebAssembly.Memory({ initial: 4, maximum: 9, shared: true })'),
    4,
  )
})

test('memories that an instance exports are counted, once each', async (t: TestContext) => {
  const imports = '{ m: { memory: new WebAssembly.Memory({ initial: 1 }) } }'
  t.assert.equal(
    await pages(`globalThis.c = new WebAssembly.Instance(new WebAssembly.Module(bytes(${EXPORTS})))`),
    3,
  )
  t.assert.equal(
    await pages(
      `globalThis.d = new WebAssembly.Instance(new WebAssembly.Module(bytes(${IMPORTS})), ${imports})`,
    ),
    1,
  )
  const before = await sandbox.run('kib()')
  await sandbox.run(
    `WebAssembly.instantiate(bytes(${EXPORTS})).then(made => { globalThis.e = made; return 0 })`,
  )
  await sandbox.run(`WebAssembly.compile(bytes(${EXPORTS})).then(module => WebAssembly.instantiate(module))
    .then(made => { globalThis.f = made; return 0 })`)
  t.assert.equal(((await sandbox.run('kib()')) as number) - (before as number), 6 * PAGE_KIB)
  t.assert.deepEqual(
    await sandbox.run('[e.instance instanceof WebAssembly.Instance, f instanceof WebAssembly.Instance]'),
    [true, true],
  )
})

test('what compiles without blocking elsewhere compiles at once', async (t: TestContext) => {
  const kinds = `Promise.all([
    WebAssembly.compile(bytes(${EXPORTS})),
    WebAssembly.instantiate(bytes(${EXPORTS})),
    WebAssembly.instantiate(new WebAssembly.Module(bytes(${EXPORTS}))),
    WebAssembly.compile(bytes([1])).catch(error => error),
    WebAssembly.instantiate(bytes(${IMPORTS})).catch(error => error),
  ]).then(made => made.map(each => each.constructor.name + ':' + Object.keys(each)))`

  t.assert.deepEqual(await sandbox.run(kinds), [
    'Module:',
    'Object:module,instance',
    'Instance:',
    'CompileError:',
    'TypeError:',
  ])
})

test('WebAssembly looks as it did', async (t: TestContext) => {
  const shape = `[WebAssembly.Memory.name, WebAssembly.Memory.length,
    WebAssembly.Memory.prototype.constructor === WebAssembly.Memory,
    new (class extends WebAssembly.Memory {})({ initial: 0 }) instanceof WebAssembly.Memory,
    WebAssembly.instantiate.name, WebAssembly.instantiate.length, Object.keys(WebAssembly).join(),
    (() => { try { WebAssembly.Memory({ initial: 1 }) } catch (error) { return error.constructor === TypeError } })()]`

  t.assert.deepEqual(await sandbox.run(shape), [
    'Memory',
    1,
    true,
    true,
    'instantiate',
    1,
    'compile,validate,instantiate,promising',
    true,
  ])
})
