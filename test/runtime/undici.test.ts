import { createRequire } from 'node:module'
import { test } from 'node:test'
import '../../src/runtime/undici.ts'

test('of undici no more is loaded than subrequests need', t => {
  const loaded = Object.keys(createRequire(import.meta.url).cache).filter(path =>
    path.includes('/undici/lib/'),
  )

  t.assert.equal(
    loaded.some(path => path.endsWith('/dispatcher/client.js')),
    true,
  )
  t.assert.deepEqual(
    loaded.filter(path => /\/(mock|web|interceptor)\//.test(path)),
    [],
  )
})
