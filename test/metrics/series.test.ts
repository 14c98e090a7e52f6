import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { AppRows } from '../../src/metrics/apps.ts'
import { Board, processAt, rowNumber, TEXT } from '../../src/metrics/board.ts'
import { Exposition } from '../../src/metrics/exposition.ts'
import { FAMILY_NAMES, familyOf, familySeriesMax, PROCESS_ROWS, seriesMax } from '../../src/metrics/layout.ts'
import { reference } from '../../src/metrics/reference.ts'
import { parseScrape } from '../support/scrape.ts'

test('a scrape in which everything has happened has as many series as the formula says, none twice', async () => {
  const appsMax = 3
  const board = new Board(Board.allocate(AppRows.rowsFor(appsMax)))
  const apps = new AppRows(board, appsMax)
  for (let n = 0; n < appsMax; n++) apps.setVersion(apps.rowOf(`app-${n}`), 'version')
  for (let n = 0; n < PROCESS_ROWS; n++) board.setText(rowNumber.process(n), TEXT.name, `process-${n}`)
  board.values.fill(1)
  board.snapshot = 1

  const series = parseScrape(await new Exposition(board).render('text'))

  // What is said of one app is not said of sums over apps or of none.
  const ofOneApp = FAMILY_NAMES.filter(name =>
    ['vitrine_app_uptime_seconds', 'vitrine_app_info'].includes(name),
  )
  const ownProcess = FAMILY_NAMES.filter(name => familyOf(name).rowLabel === 'runtime')
  const notSaid = ofOneApp.length * 2 + ownProcess.reduce((sum, name) => sum + perProcess(name), 0)
  assert.equal(series.length, seriesMax(appsMax) - notSaid)
  const identities = new Set(series.map(({ name, labels }) => JSON.stringify([name, labels])))
  assert.equal(identities.size, series.length)
  assert.ok(processAt(PROCESS_ROWS) < board.values.length)
})

function perProcess(name: (typeof FAMILY_NAMES)[number]): number {
  return familySeriesMax(name, 1) / PROCESS_ROWS
}

test('every family explains itself in a sentence that both formats can carry', () => {
  for (const name of FAMILY_NAMES) {
    const { help, type } = familyOf(name)
    assert.match(help, /^[A-Z1][^"\\\n]+\.$/, name)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
  }
})

test('docs/metrics.md is what the declaration says', () => {
  const documented = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')

  assert.equal(documented, reference(), 'run: node src/metrics/reference.ts > docs/metrics.md')
})
