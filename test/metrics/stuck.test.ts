import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { requestChannel } from '../../src/channels.ts'
import { requestEvent, startTestMetrics } from '../support/scrape.ts'

/** Asks from a thread of its own, for this one is stuck: `path` after `afterMs`. */
const ASKER = `
  const { parentPort, workerData: { url, paths, afterMs } } = require('node:worker_threads')
  setTimeout(async () => {
    const answers = await Promise.all(paths.map(async path => {
      const response = await fetch(new URL(path, url))
      return { status: response.status, text: await response.text() }
    }))
    parentPort.postMessage(answers)
  }, afterMs)`

test('while the main loop is stuck, scrapes give the last numbers and health says so', {
  timeout: 30_000,
}, async () => {
  await using metrics = await startTestMetrics()
  await metrics.scrape()
  requestChannel.publish(requestEvent())
  const paths = ['/metrics', '/healthz', '/readyz']
  const asker = new Worker(ASKER, { eval: true, workerData: { url: metrics.url, paths, afterMs: 5500 } })
  const answered = new Promise<{ status: number; text: string }[]>(resolve => asker.once('message', resolve))

  // Stuck indeed: nothing that is faked here would show that the answers come from another thread.
  const stuckUntil = Date.now() + 7500
  while (Date.now() < stuckUntil);
  const [scrape, health, readiness] = await answered

  assert.equal(scrape?.status, 200)
  assert.match(scrape?.text ?? '', /vitrine_requests_total\{app="hello",outcome="ok",code_class="2xx"\} 1\n/)
  assert.match(scrape?.text ?? '', /vitrine_app_ready_instances\{app="hello"\} 1\n/)
  assert.equal(health?.status, 503)
  assert.match(health?.text ?? '', /^the main loop has been stuck for \d+ s\n$/)
  assert.equal(readiness?.status, 503)
  await asker.terminate()
})

test('a wall clock that is set back or forth is no stuck loop', async (t: TestContext) => {
  const DAY_MS = 86_400_000
  const now = Date.now
  for (const jumpMs of [-DAY_MS, DAY_MS]) {
    t.mock.method(Date, 'now', () => now() + jumpMs)
    await using metrics = await startTestMetrics()

    const health = await fetch(new URL('/healthz', metrics.url))

    t.assert.deepEqual([health.status, await health.text()], [200, 'ok\n'])
    t.mock.restoreAll()
  }
})
