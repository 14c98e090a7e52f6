/** What the tests are expected to do: a file for each area, `expected/<area>.json`, written by `--update`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestResult } from './run-tests.ts'

/** By a test's id, in order. */
export type Expectations = Record<string, ExpectedTest>

export interface ExpectedTest {
  subtests: number
  /** The subtests that fail, with the reason the harness gave; only how many if they are too many to name. */
  failures?: Record<string, string> | number
}

export interface Comparison {
  /** A sentence for each thing that is worse than expected. */
  regressions: string[]
  /** How many subtests pass that were expected to fail, or are new. */
  gained: number
}

export interface Tally {
  passed: number
  subtests: number
}

const EXPECTED = join(import.meta.dirname, 'expected')
const NAMED_FAILURES_MAX = 100
const MESSAGE_CHARS_MAX = 120

const fileOf = (area: string, directory: string) => join(directory, `${area}.json`)

/** Empty if there are none yet. */
export function readExpectations(area: string, directory = EXPECTED): Expectations {
  const file = fileOf(area, directory)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Expectations) : {}
}

export function writeExpectations(area: string, expected: Expectations, directory = EXPECTED): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(fileOf(area, directory), `${JSON.stringify(expected, null, 2)}\n`)
}

export function expectationsFrom(results: readonly TestResult[]): Expectations {
  return Object.fromEntries(
    results.map(({ test, subtests }) => {
      const failures = [...subtests].filter(([, message]) => message !== '')
      const named = failures.map(([name, message]) => [name, shortened(message)])
      return [
        test.id,
        {
          subtests: subtests.size,
          ...(failures.length > NAMED_FAILURES_MAX && { failures: failures.length }),
          ...(failures.length > 0 &&
            failures.length <= NAMED_FAILURES_MAX && { failures: Object.fromEntries(named) }),
        },
      ]
    }),
  )
}

function shortened(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ')
  return line.length > MESSAGE_CHARS_MAX ? `${line.slice(0, MESSAGE_CHARS_MAX)}…` : line
}

/** Compares what happened with what was expected; tests that did not run have regressed too. */
export function compare(expected: Expectations, results: readonly TestResult[]): Comparison {
  const comparison: Comparison = { regressions: [], gained: 0 }
  const ran = new Map(results.map(result => [result.test.id, result.subtests]))
  for (const [id, wanted] of Object.entries(expected)) {
    const subtests = ran.get(id)
    if (subtests === undefined) comparison.regressions.push(`${id} is not in the checkout`)
    else compareTest(id, wanted, subtests, comparison)
  }
  for (const [id, subtests] of ran) {
    if (!(id in expected)) compareTest(id, { subtests: 0 }, subtests, comparison)
  }
  return comparison
}

function compareTest(
  id: string,
  wanted: ExpectedTest,
  subtests: TestResult['subtests'],
  comparison: Comparison,
): void {
  const { regressions } = comparison
  const failed = [...subtests].filter(([, message]) => message !== '')
  const { failures = {} } = wanted
  if (typeof failures !== 'number') {
    for (const [name, message] of failed) {
      if (!(name in failures)) regressions.push(`${id}: “${name}” fails: ${shortened(message)}`)
    }
  } else if (failed.length > failures) {
    regressions.push(`${id}: ${failed.length} subtests fail, ${failures} are expected to`)
  }
  if (subtests.size < wanted.subtests) {
    regressions.push(`${id}: ${wanted.subtests - subtests.size} of ${wanted.subtests} subtests are gone`)
  }
  const passed = subtests.size - failed.length
  comparison.gained += Math.max(0, passed - (wanted.subtests - failureCount(wanted)))
}

export function tally(expected: Expectations): Tally {
  const sum = { passed: 0, subtests: 0 }
  for (const test of Object.values(expected)) {
    sum.subtests += test.subtests
    sum.passed += test.subtests - failureCount(test)
  }
  return sum
}

export function failureCount({ failures = {} }: ExpectedTest): number {
  return typeof failures === 'number' ? failures : Object.keys(failures).length
}
