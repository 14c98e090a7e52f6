import { test } from 'node:test'
import { decodeBundle, encodeBundle, executablePart, type ModuleType } from '../src/bundle.ts'

const modules = (...types: ModuleType[]) =>
  types.map((type, index) => ({ name: `${index}.js`, type, content: Buffer.alloc(100, index) }))

test('what runs of a bundle lacks the source maps at its end, and is unpacked as what it is', t => {
  const all = modules('esm', 'text', 'sourcemap', 'sourcemap')
  const bundle = encodeBundle(all)

  const code = executablePart(bundle)

  t.assert.equal(code.length, bundle.length - 200)
  t.assert.deepEqual(decodeBundle(code), all.slice(0, 2))
  t.assert.deepEqual(decodeBundle(bundle), all)
})

test('a source map before other modules stays where it is', t => {
  const all = modules('esm', 'sourcemap', 'wasm')
  const bundle = encodeBundle(all)

  t.assert.deepEqual(executablePart(bundle), bundle)
  t.assert.deepEqual(decodeBundle(executablePart(bundle)), all)
})

test('a bundle that cannot be read is left to whoever unpacks it', t => {
  const bundle = Buffer.from('nonsense')

  t.assert.deepEqual(executablePart(bundle), bundle)
})
