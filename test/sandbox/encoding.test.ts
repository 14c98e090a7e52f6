import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('text survives encoding and decoding, and lone surrogates become U+FFFD', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const text = 'Grüße, 東京 🎉\\0'.repeat(1000)
    const bytes = new TextEncoder().encode(text)
    ;[new TextDecoder().decode(bytes) === text, bytes.length, [...new TextEncoder().encode('a\\ud800b')]]
  `)

  t.assert.deepEqual(seen, [
    true,
    Buffer.byteLength('Grüße, 東京 🎉\0'.repeat(1000)),
    [0x61, 0xef, 0xbf, 0xbd, 0x62],
  ])
})

test('malformed UTF-8 is replaced as Node replaces it, and refused where it is fatal', async t => {
  await using sandbox = await openWebSandbox()
  const samples = [
    [0xff, 0x41],
    [0xc3, 0x28],
    [0xe2, 0x82, 0x41],
    [0xf0, 0x9f, 0x8e],
    [0xed, 0xa0, 0x80],
    [0xc0, 0xaf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe0, 0x80, 0x80, 0xe2, 0x82, 0xac],
  ]

  const seen = await sandbox.run(`
    ${JSON.stringify(samples)}.map(sample => {
      const bytes = new Uint8Array(sample)
      try {
        new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      } catch (error) {
        return [new TextDecoder().decode(bytes), error.name]
      }
    })
  `)

  const expected = samples.map(sample => [new TextDecoder().decode(new Uint8Array(sample)), 'TypeError'])
  t.assert.deepEqual(seen, expected)
})

test('a stream is decoded the same wherever its chunks are cut', async t => {
  await using sandbox = await openWebSandbox()

  const all = await sandbox.run(`
    const text = '\\ufeffa€🎉é\\ufeff'
    const bytes = new TextEncoder().encode(text)
    const results = new Set()
    for (let i = 0; i <= bytes.length; i++) {
      for (let k = i; k <= bytes.length; k++) {
        const decoder = new TextDecoder()
        const chunks = [bytes.subarray(0, i), bytes.subarray(i, k), bytes.subarray(k)]
        results.add(chunks.map(chunk => decoder.decode(chunk, { stream: true })).join('') + decoder.decode())
      }
    }
    [...results]
  `)

  t.assert.deepEqual(all, ['a€🎉é\ufeff'])
})

test('a byte order mark is dropped unless it is to be ignored', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const bytes = new Uint8Array([0xef, 0xbb, 0xbf, 0x41])
    ;[new TextDecoder().decode(bytes), new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
      new TextDecoder('utf-16').decode(new Uint8Array([0xff, 0xfe, 0x41, 0]))]
  `)

  t.assert.deepEqual(seen, ['A', '\ufeffA', 'A'])
})

test('legacy encodings are known by all their labels', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const decode = (label, ...bytes) => {
      const decoder = new TextDecoder(label)
      return [decoder.encoding, decoder.decode(new Uint8Array(bytes))]
    }
    ;[decode(' LATIN1\\n', 0x80, 0xe9), decode('sjis', 0x93, 0x8c, 0x8b, 0x9e), decode('gb2312', 0xc4, 0xe3),
      decode('koi8-r', 0xed), decode('UTF-16BE', 0x20, 0xac)]
  `)

  t.assert.deepEqual(seen, [
    ['windows-1252', '€é'],
    ['shift_jis', '東京'],
    ['gbk', '你'],
    ['koi8-r', 'М'],
    ['utf-16be', '€'],
  ])
})

test('an unknown label is a RangeError', async t => {
  await using sandbox = await openWebSandbox()

  const names = await sandbox.run(`
    ['latin-1000', 'replacement', '', '\\u212aoi8-r'].map(label => {
      try { new TextDecoder(label) } catch (error) { return error.name }
    })
  `)

  t.assert.deepEqual(names, ['RangeError', 'RangeError', 'RangeError', 'RangeError'])
})

test('encodeInto writes whole characters and says how far it came', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    [0, 1, 3, 4, 7, 20].map(size => {
      const target = new Uint8Array(size)
      const { read, written } = new TextEncoder().encodeInto('a€🎉b', target)
      return [read, written, new TextDecoder().decode(target.subarray(0, written))]
    })
  `)

  t.assert.deepEqual(seen, [
    [0, 0, ''],
    [1, 1, 'a'],
    [1, 1, 'a'],
    [2, 4, 'a€'],
    [2, 4, 'a€'],
    [5, 9, 'a€🎉b'],
  ])
})

test('atob and btoa are forgiving base64', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const caught = run => { try { return run() } catch (error) { return [error.name, error.code] } }
    ;[btoa('\\0é\\xff'), atob(' A\\tO\\nn/ '), atob('YQ'), atob(btoa('x'.repeat(100000))).length, btoa(null),
      caught(() => btoa('€')), caught(() => atob('a')), caught(() => atob('YQ=')), caught(() => atob('YQ==='))]
  `)

  const invalid = ['InvalidCharacterError', 5]
  t.assert.deepEqual(seen, ['AOn/', '\0éÿ', 'a', 100_000, 'bnVsbA==', invalid, invalid, invalid, invalid])
})

test('a buffer that was given away has no bytes, however it is handed in', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const buffer = new ArrayBuffer(4)
    const shapes = [buffer, new Uint8Array(buffer, 1), new DataView(buffer, 1)]
    buffer.transfer()
    shapes.map(shape => [new TextDecoder().decode(shape), new Blob([shape]).size])
  `)

  t.assert.deepEqual(seen, Array(3).fill(['', 0]))
})
