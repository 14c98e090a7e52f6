import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppRows, NONE_ROW, OTHER_ROW } from '../../src/metrics/apps.ts'
import { appAt, Board } from '../../src/metrics/board.ts'
import { Exposition } from '../../src/metrics/exposition.ts'
import { offsetOf } from '../../src/metrics/layout.ts'
import { parseScrape, sumOf, valueIn } from '../support/scrape.ts'

const RETRIES = offsetOf('vitrine_client_disconnects_total')

/** Apps with series for `appsMax`, and a clock that stands still. */
function start(appsMax: number) {
  const board = new Board(Board.allocate(AppRows.rowsFor(appsMax)))
  const clock = { now: 0 }
  const apps = new AppRows(board, appsMax, () => clock.now)
  const exposition = new Exposition(board)
  return {
    apps,
    clock,
    /** Counts `times` requests of an app in one of its counters. */
    count(app: string, times = 1) {
      for (let n = 0; n < times; n++) {
        const row = apps.rowOf(app)
        board.values[appAt(row) + RETRIES]!++
        apps.ranked(app, row)
      }
    },
    async counted(app: string) {
      return valueIn(parseScrape(await exposition.render('text')), 'vitrine_client_disconnects_total', {
        app,
      })
    },
    async sum() {
      return sumOf(parseScrape(await exposition.render('text')), 'vitrine_client_disconnects_total')
    },
  }
}

test('the first apps have rows of their own and the rest are summed', async () => {
  const { count, counted } = start(2)
  count('a')
  count('b', 2)
  count('c', 3)
  count('d', 4)

  assert.deepEqual(await Promise.all([counted('a')]), [1])
  assert.equal(await counted('b'), 2)
  assert.equal(await counted('c'), undefined)
  assert.equal(await counted('_other'), 7)
})

test('a busier app takes the calmest one’s series, and no count is lost', async () => {
  const { apps, count, counted, sum } = start(2)
  count('calm', 5)
  count('busy', 50)
  count('newcomer', 20)

  apps.rank()

  assert.equal(await counted('calm'), undefined)
  assert.equal(await counted('busy'), 50)
  assert.equal(await counted('newcomer'), 0)
  assert.equal(await counted('_other'), 25)
  assert.equal(await sum(), 75)
  count('newcomer')
  count('calm')
  assert.equal(await counted('newcomer'), 1)
  assert.equal(await counted('_other'), 26)
})

test('an app that is about as busy takes nobody’s series', async () => {
  const { apps, count, counted } = start(1)
  count('first', 10)
  count('second', 15)

  apps.rank()

  assert.equal(await counted('first'), 10)
  assert.equal(await counted('second'), undefined)
})

test('what counts is the last interval, not all time', async () => {
  const { apps, count, counted } = start(1)
  count('old', 1000)
  apps.rank()
  count('new', 1)

  apps.rank()

  assert.equal(await counted('old'), undefined)
  assert.equal(await counted('new'), 0)
})

test('a deleted app is forgotten for as long as its requests may last, then it may come back', () => {
  const { apps, clock } = start(1)
  const row = apps.rowOf('app')
  apps.forget('app')

  const soon = apps.rowOf('app')
  clock.now = 200_000
  apps.rank()
  const late = apps.rowOf('app')

  assert.notEqual(row, OTHER_ROW)
  assert.equal(soon, OTHER_ROW)
  assert.equal(late, row)
})

test('a deleted app’s row goes to the next app, from zero', async () => {
  const { apps, count, counted } = start(1)
  count('gone', 9)
  apps.forget('gone')
  count('next')

  assert.equal(await counted('gone'), undefined)
  assert.equal(await counted('next'), 1)
})

test('what belongs to no app is apart, and takes nobody’s series', () => {
  const { apps } = start(1)

  assert.equal(apps.rowOf(''), NONE_ROW)
  assert.ok(apps.rowOf('app') > NONE_ROW)
  assert.equal(apps.rowOf(''), NONE_ROW)
})
