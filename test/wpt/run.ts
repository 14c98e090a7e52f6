/**
 * The Web Platform Tests on the running platform.
 *
 * npm run wpt -- [--wpt DIR] [--update] [--verbose] [AREA…]
 * npm run wpt -- --engine workerd|node [--wpt DIR] [--verbose] [AREA…]
 * npm run wpt -- --document
 *
 * Runs the areas named, or all, from a checkout at DIR or $WPT_DIR, prints the table, and ends with 1 if anything is worse
 * than the expectations say. `--update` writes these instead, for those areas, and, if none is named, docs/web-api.md;
 * `--document` only makes that from the expectations. `--verbose` shows every failure. Another
 * `--engine` runs the same tests for comparison, and only prints.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AREAS, type Area } from './areas.ts'
import { checkCheckout, testsOf } from './checkout.ts'
import { ENGINES, type EngineName } from './engines.ts'
import { compare, expectationsFrom, readExpectations, tally, writeExpectations } from './expectations.ts'
import { document, row, textTable } from './report.ts'
import { runTests, type TestResult } from './run-tests.ts'

const DOCUMENT = join(import.meta.dirname, '../../docs/web-api.md')

const REGRESSIONS_SHOWN_MAX = 50

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    wpt: { type: 'string' },
    document: { type: 'boolean', default: false },
    engine: { type: 'string', default: 'vitrine' },
    update: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
})

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function main(): Promise<number> {
  if (values.document) return writeDocument()
  const areas = chosenAreas(positionals)
  const checkout = checkCheckout(values.wpt ?? process.env.WPT_DIR)
  const tests = areas.map(area => testsOf(checkout, area))
  const engine = chosenEngine(values.engine)
  const results = await runTests(tests.flat(), { checkout, engine })
  const resultOf = new Map(results.map(result => [result.test, result]))
  const rows: string[][] = []
  const regressions: string[] = []
  let gained = 0
  for (const [i, area] of areas.entries()) {
    const ofArea = tests[i]!.map(test => resultOf.get(test)!)
    if (values.verbose) showFailures(ofArea)
    const happened = expectationsFrom(ofArea)
    rows.push(row(area, tally(happened)))
    if (engine !== 'vitrine') continue
    const comparison = compare(readExpectations(area.name), ofArea)
    regressions.push(...comparison.regressions)
    gained += comparison.gained
    if (values.update) writeExpectations(area.name, happened)
  }
  console.log(textTable(rows))
  if (gained > 0) console.log(`\n${gained} subtests more pass than expected.`)
  if (regressions.length > 0) showRegressions(regressions)
  if (values.update && engine === 'vitrine') return positionals.length === 0 ? writeDocument() : 0
  if (gained > 0) console.log('--update makes this the expectation.')
  return regressions.length > 0 ? 1 : 0
}

function writeDocument(): number {
  writeFileSync(DOCUMENT, document(readExpectations))
  return 0
}

function showRegressions(all: readonly string[]): void {
  console.log(`\nWorse than expected:\n${all.slice(0, REGRESSIONS_SHOWN_MAX).join('\n')}`)
  const more = all.length - REGRESSIONS_SHOWN_MAX
  if (more > 0) console.log(`… and ${more} more`)
}

function chosenEngine(name: string): EngineName {
  if (name in ENGINES) return name as EngineName
  throw new Error(`There is no engine ${name}: use one of ${Object.keys(ENGINES).join(', ')}.`)
}

function chosenAreas(names: readonly string[]): readonly Area[] {
  if (names.length === 0) return AREAS
  return names.map(name => {
    const area = AREAS.find(candidate => candidate.name === name)
    if (area) return area
    throw new Error(`There is no area ${name}: use one of ${AREAS.map(area => area.name).join(', ')}.`)
  })
}

function showFailures(results: readonly TestResult[]): void {
  for (const { test, subtests } of results) {
    for (const [name, message] of subtests) {
      if (message !== '') console.log(`${test.id}: ${name}\n    ${message}`)
    }
  }
}
