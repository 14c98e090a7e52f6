import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('a Blob joins texts, buffers and blobs, and gives them back in each form', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`(async () => {
    const bytes = new Uint8Array([33, 34, 35])
    const blob = new Blob(['é', bytes.subarray(1), new Blob(['x']), 7], { type: 'Text/Plain' })
    bytes.fill(0)
    const chunks = []
    for await (const chunk of blob.stream()) chunks.push(...chunk)
    return [blob.size, blob.type, await blob.text(), [...new Uint8Array(await blob.arrayBuffer())], chunks, (await blob.bytes()).length]
  })()`)

  const bytes = [0xc3, 0xa9, 34, 35, 120, 55]
  t.assert.deepEqual(seen, [6, 'text/plain', 'é"#x7', bytes, bytes, 6])
})

test('slices share nothing that can be changed, and count from the end', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`(async () => {
    const blob = new Blob(['0123456789'])
    new Uint8Array(await blob.slice(2, 5).arrayBuffer()).fill(0)
    const slices = [blob.slice(2, 5), blob.slice(-3), blob.slice(5, 2), blob.slice(8, 100, 'A/B')]
    return [await Promise.all(slices.map(slice => slice.text())), slices[3].type]
  })()`)

  t.assert.deepEqual(seen, [['234', '789', '', '89'], 'a/b'])
})

test('a File has a name and a time', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    advance(1234)
    const file = new File(['a\\r\\nb\\rc'], 'ü.txt', { type: 'text/plain', endings: 'native' })
    ;[file.name, file.lastModified, file.size, file instanceof Blob, new File([], '', { lastModified: 5 }).lastModified]
  `)

  t.assert.deepEqual(seen, ['ü.txt', 1234, 5, true, 5])
})

test('a large Blob is streamed in pieces', async t => {
  await using sandbox = await openWebSandbox()

  const sizes = await sandbox.run(`(async () => {
    const sizes = []
    for await (const chunk of new Blob([new Uint8Array(150_000)]).stream()) sizes.push(chunk.length)
    return sizes
  })()`)

  t.assert.deepEqual(sizes, [65_536, 65_536, 18_928])
})
