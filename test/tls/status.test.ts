import { test } from 'node:test'
import { readStatus, statusLine } from '../../src/tls/status.ts'

test('what the process for TLS prints of itself is read, the last line if several come at once', t => {
  const status = { rssBytes: 6e7, connections: 2, refused: 1 }

  t.assert.deepEqual(readStatus(statusLine(status)), status)
  t.assert.deepEqual(readStatus(statusLine({ ...status, connections: 5 }) + statusLine(status)), status)
})

test('whatever else it prints is no status', t => {
  for (const text of ['', '\n', '1 2\n', '1 2 3', '{"rssBytes":1}\n', '1 2 -3\n', '9'.repeat(65_536)]) {
    t.assert.equal(readStatus(text), null, text.slice(0, 20))
  }
})
