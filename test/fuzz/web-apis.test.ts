import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { RESTART_REASONS } from '../../src/channels.ts'
import { startTestPlatform } from '../support/platform.ts'
import { holds } from './property.ts'

const CALLER = fileURLToPath(new URL('./caller.ts', import.meta.url))
const CALLS = 100
/** How such a request may end: it may run into limits, and into what it has done to its own globals. */
const OUTCOMES = [undefined, 'exception', 'exceededCpu', 'exceededMemory', 'exceededWallTime']
/** Far fewer than there are: the app has looked around. */
const FUNCTIONS_MIN = 1000

test('whatever an app calls with whatever, it is answered, its sandbox keeps the rules and its runtime lives', async () => {
  await using platform = await startTestPlatform({ wallMs: '2000' })
  const { status } = await platform.deploy('caller', { path: CALLER })
  assert.equal(status, 200)
  const { text } = await platform.fetch('caller', '/?seed=1&calls=0')
  assert.ok(Number(text) > FUNCTIONS_MIN, text)

  await holds(fc.nat(), { runs: 200 }, async seed => {
    const { outcome, text } = await platform.fetch('caller', `/?seed=${seed}&calls=${CALLS}`)
    assert.ok(OUTCOMES.includes(outcome), `${outcome}: ${text}`)
  })

  for (const reason of RESTART_REASONS)
    assert.equal(await platform.metric(`vitrine_runtime_restarts_total{reason="${reason}"}`), 0, reason)
  const violations = 'vitrine_instance_terminations_total{app="caller",reason="protocolViolation"}'
  assert.equal((await platform.metric(violations)) ?? 0, 0)
})
