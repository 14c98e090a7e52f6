import { test } from 'node:test'
import { Quarantine } from '../../src/scheduler/quarantine.ts'

test('who is proven guilty pauses twice as long each time, until it is released', t => {
  let now = 0
  const quarantine = new Quarantine({ now: () => now, max: 10, goodConductMs: 600_000 })
  const guilty = { apps: new Set(['a']), isProven: true }

  quarantine.hold(guilty, 'catastrophe')
  t.assert.equal(quarantine.pauseMs('a'), 1000)
  t.assert.equal(quarantine.pauseMs('b'), 0)
  now = 1500
  t.assert.equal(quarantine.pauseMs('a'), 0)
  t.assert.equal(quarantine.standing('a'), 'quarantined')
  quarantine.hold(guilty, 'rss')
  t.assert.deepEqual(quarantine.list(), [
    {
      app: 'a',
      state: 'quarantined',
      reason: 'rss',
      deaths: 2,
      pauseMs: 2000,
      releaseMs: 600_000,
      clearedByDeploy: false,
    },
  ])
  t.assert.equal(quarantine.release('a')?.deaths, 2)
  t.assert.equal(quarantine.release('a'), null)
  t.assert.deepEqual([quarantine.pauseMs('a'), quarantine.standing('a')], [0, 'good'])
})

test('good conduct ends a quarantine, and what went before is forgotten', t => {
  let now = 0
  const quarantine = new Quarantine({ now: () => now, max: 10, goodConductMs: 5000 })
  const guilty = { apps: new Set(['a']), isProven: true }
  quarantine.hold(guilty, 'rss')
  quarantine.hold(guilty, 'rss')

  now = 4999
  t.assert.deepEqual(quarantine.releaseDue(), [])
  now = 5000
  t.assert.equal(quarantine.standing('a'), 'good')
  t.assert.deepEqual(
    quarantine.releaseDue().map(({ app }) => app),
    ['a'],
  )
  quarantine.hold(guilty, 'rss')
  t.assert.equal(quarantine.pauseMs('a'), 1000)
})

test('a deploy clears the name of an app once, and later only ends its pause', t => {
  let now = 0
  const quarantine = new Quarantine({ now: () => now, max: 10, goodConductMs: 5000 })
  const guilty = { apps: new Set(['a']), isProven: true }
  const clean = quarantine.pardon('a')
  quarantine.hold(guilty, 'catastrophe')
  const first = quarantine.pardon('a')
  const afterFirst = quarantine.standing('a')
  quarantine.hold(guilty, 'catastrophe')
  const afterSecondDeath = quarantine.info('a')

  const second = quarantine.pardon('a')
  const again = quarantine.pardon('a')

  t.assert.deepEqual([clean, first?.state, afterFirst], [null, 'quarantined', 'good'])
  t.assert.deepEqual([afterSecondDeath?.state, afterSecondDeath?.deaths], ['quarantined', 2])
  t.assert.deepEqual([second?.state, again], ['quarantined', null])
  t.assert.deepEqual(
    [quarantine.standing('a'), quarantine.pauseMs('a'), quarantine.list().length],
    ['suspected', 0, 1],
  )
  now = 5000
  t.assert.equal(quarantine.releaseDue()[0]?.state, 'suspected')
  t.assert.deepEqual([quarantine.standing('a'), quarantine.info('a')], ['good', null])
})

test('an app that was cleared by a deploy is forgotten without a word', t => {
  let now = 0
  const quarantine = new Quarantine({ now: () => now, max: 10, goodConductMs: 5000 })
  quarantine.hold({ apps: new Set(['a']), isProven: true }, 'catastrophe')
  quarantine.pardon('a')

  t.assert.deepEqual(quarantine.list(), [])
  now = 5000
  t.assert.deepEqual(quarantine.releaseDue(), [])
  quarantine.hold({ apps: new Set(['a']), isProven: true }, 'catastrophe')
  t.assert.equal(quarantine.info('a')?.deaths, 1)
})

test('a deploy clears a suspect', t => {
  const quarantine = new Quarantine({ now: () => 0, max: 10, goodConductMs: 5000 })
  quarantine.hold({ apps: new Set(['a']), isProven: false }, 'heartbeat')

  t.assert.equal(quarantine.pardon('a')?.state, 'suspected')
  t.assert.equal(quarantine.standing('a'), 'good')
})

test('suspects do not pause', t => {
  const quarantine = new Quarantine({ now: () => 0, max: 10, goodConductMs: 1000 })

  quarantine.hold({ apps: new Set(['a', 'b']), isProven: false }, 'heartbeat')

  t.assert.deepEqual(
    ['a', 'b', 'c'].map(app => quarantine.standing(app)),
    ['suspected', 'suspected', 'good'],
  )
  t.assert.deepEqual(
    ['a', 'b'].map(app => quarantine.pauseMs(app)),
    [0, 0],
  )
})
