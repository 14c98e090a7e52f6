/** Runs tests of a checkout as apps, several at once, on an engine of their own. */
import { appSource, type Report, TIMED_OUT } from './app-source.ts'
import type { WptTest } from './checkout.ts'
import { ENGINES, type EngineName } from './engines.ts'
import { serveFiles } from './static-files.ts'

export interface TestResult {
  test: WptTest
  /** Names are unique within a test. What goes wrong outside of them fails one more, `WHOLE`, if none fails. */
  subtests: Map<string, Outcome>
}

/** '' if the subtest passed, else why not. */
export type Outcome = string

export interface RunOptions {
  checkout: string
  /** How long a test may take, in ms; a long one takes `longFactor` times that. */
  timeoutMs?: number
  /** Default `vitrine`. */
  engine?: EngineName
}

export const WHOLE = '(the test as a whole)'

const AT_ONCE = 4
const LONG_FACTOR = 4
const REPEATS_MAX = 20
/** Between a test's timeout and its engine's, so that the test can still answer. */
const GRACE_MS = 15_000
const STATUS = ['passed', 'failed', 'it timed out', 'it did not run', 'a precondition failed']

/**
 * Results in the order of `tests`. What times out among others runs once more, alone: the machine may have been busy.
 */
export async function runTests(
  tests: readonly WptTest[],
  { checkout, timeoutMs = 10_000, engine = 'vitrine' }: RunOptions,
): Promise<TestResult[]> {
  await using files = await serveFiles(checkout)
  await using started = await ENGINES[engine](timeoutMs * LONG_FACTOR + GRACE_MS)
  const { host } = new URL(files.origin)
  const run = (test: WptTest) => {
    const ms = timeoutMs * (test.isLong ? LONG_FACTOR : 1)
    const source = appSource(test, { checkout, origin: files.origin, timeoutMs: ms })
    return started.run(source)
  }
  const results: TestResult[] = []
  const late: number[] = []
  let next = 0
  const work = async () => {
    for (let i = next++; i < tests.length; i = next++) {
      const report = await run(tests[i]!)
      if (report.error === TIMED_OUT) late.push(i)
      results[i] = readResult(tests[i]!, report, host)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  for (const i of late.slice(0, REPEATS_MAX)) {
    results[i] = readResult(tests[i]!, await run(tests[i]!), host)
  }
  return results
}

/** `host`, which is another one each time, is called HOST. */
function readResult(test: WptTest, { error, subtests }: Report, host: string): TestResult {
  const byName = new Map<string, Outcome>()
  for (const [given, status, message] of subtests) {
    const name = given.replaceAll(host, 'HOST')
    let unique = name
    for (let n = 2; byName.has(unique); n++) unique = `${name} (${n})`
    byName.set(unique, status === 0 ? '' : message.replaceAll(host, 'HOST') || STATUS[status]!)
  }
  const isTold = [...byName.values()].some(message => message !== '')
  if ((error !== '' && !isTold) || byName.size === 0) byName.set(WHOLE, error || 'it has no subtests')
  return { test, subtests: byName }
}
