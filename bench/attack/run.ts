/**
 * Every attack under apps/hostile beside a victim under steady load, one at a time and then four at once.
 *
 * npm run attack -- [--only NAME,A+B,…] [--short] [--write]
 */
import { parseArgs } from 'node:util'
import { type Attack, readAttacks } from '../../test/support/attack.ts'
import { describeMachine } from '../support/machine.ts'
import { Arena } from './arena.ts'
import { Baseline, measureBaseline, p99Beside } from './baseline.ts'
import { baselineLines, headline, type Results, rowLine, writeFigures } from './report.ts'
import {
  build,
  KEPT_BYTES_MAX,
  memoryReturns,
  type Row,
  type TrialOptions,
  tryAttack,
  tryTogether,
} from './trial.ts'

const USAGE = `npm run attack -- [--only NAME,A+B,…] [--short] [--write]

  --only NAME,A+B,…   these attacks, one at a time; A and B at once
  --short             each attack once, one at a time, whatever the victim's p99
  --write             renews the figures in docs/security.md`

const AT_ONCE = 4
const BASELINE_MS = 4000
const ATTACK_MS = 1000
const SHORT_MS = 300
/**
 * The p99 of a second's requests is a matter of luck, and a machine has other things to do: what looks wrong is
 * measured again, for so long, each time with the well-behaved app right after it, until so many more trials have come to
 * the one than to the other: a sequential test (Wald, 1945). One row's trials have had ratios from 0.8 to 4.1. An attack of
 * which every third trial looks wrong is found wrong in 6 of 100 tables, and would be in 14 if the first five decided.
 */
const LEAD = 4
const AGAIN_MS = 4000
/** After so many whichever leads counts. */
const TRIALS_MAX = 25
/** After start the platform compiles what it runs. */
const WARM_UP_MS = 2000
/** Runtimes of apps that yielded, or were alone, end a minute after the last of them, which yields for 10 s at least. */
const RETURN_MS_MAX = 90_000

interface CommandLine {
  alone: Attack[]
  /** At once. */
  together: Attack[][]
  short: boolean
  write: boolean
}

async function main(): Promise<void> {
  const { short, write, ...attacks } = readCommandLine()
  const machine = describeMachine()
  console.log(machine.join('\n'))
  await build([...new Set([...attacks.alone, ...attacks.together.flat()])])
  await using arena = await Arena.open()
  await arena.measure(async () => {}, WARM_UP_MS)
  const baseline = short ? new Baseline([]) : await measureBaseline(arena, BASELINE_MS)
  console.log(`\n${baselineLines(baseline).join('\n')}`)
  const rssBefore = arena.rssBytes()
  const options: TrialOptions = {
    fairP99Ms: cpuCores => (short ? Number.POSITIVE_INFINITY : baseline.p99Ms(cpuCores)),
    ms: short ? SHORT_MS : ATTACK_MS,
  }
  const alone: Trial[] = attacks.alone.map(attack => options => tryAttack(arena, attack, options))
  const together: Trial[] = attacks.together.map(group => options => tryTogether(arena, group, options))
  const results: Results = {
    machine,
    baseline,
    alone: await all(arena, alone, options),
    together: await all(arena, together, options),
  }
  const problems = [...results.alone, ...results.together].filter(row => row.problems.length > 0)
  const grownBytes = await memoryReturns(arena, rssBefore, RETURN_MS_MAX)
  console.log(`\nThe platform takes ${Math.round(grownBytes / 2 ** 20)} MB more than before.`)
  console.log(`${problems.length} of ${results.alone.length + results.together.length} do not hold.`)
  if (write) writeFigures(results)
  process.exitCode = problems.length > 0 || grownBytes > KEPT_BYTES_MAX ? 1 : 0
}

type Trial = (options: TrialOptions) => Promise<Row>

async function all(arena: Arena, trials: readonly Trial[], options: TrialOptions): Promise<Row[]> {
  if (trials.length > 0) console.log(`\n${headline().join('\n')}`)
  const rows: Row[] = []
  for (const trial of trials) {
    let row = await trial(options)
    if (row.problems.length > 0) {
      console.log(`${rowLine(row)}\n${row.problems.map(problem => `    ? ${problem}`).join('\n')}`)
      row = await again(arena, trial)
    }
    console.log([rowLine(row), ...row.problems.map(problem => `    ✗ ${problem}`)].join('\n'))
    rows.push(row)
  }
  return rows
}

/** The middle one of the trials, as long as it came to what most did, unless the victim failed in one. */
async function again(arena: Arena, trial: Trial): Promise<Row> {
  const fairP99Ms = (cpuCores: number) => p99Beside(arena, cpuCores, AGAIN_MS)
  const held: Row[] = []
  const wrong: Row[] = []
  while (Math.abs(held.length - wrong.length) < LEAD && held.length + wrong.length < TRIALS_MAX) {
    const row = await trial({ fairP99Ms, ms: AGAIN_MS })
    if (row.victim.failures.length > 0) return row
    const alike = row.problems.length > 0 ? wrong : held
    alike.push(row)
  }
  const most = held.length > wrong.length ? held : wrong
  const middle = middleOf([...held, ...wrong])
  return most.includes(middle) ? middle : middleOf(most)
}

function middleOf(rows: readonly Row[]): Row {
  return rows.toSorted((a, b) => a.ratio - b.ratio)[rows.length >> 1]!
}

/** Neighbours in the alphabet are much alike: each group takes its attacks from all over it. */
function groups(attacks: readonly Attack[]): Attack[][] {
  const count = Math.ceil(attacks.length / AT_ONCE)
  return Array.from({ length: count }, (_, group) => attacks.filter((_, index) => index % count === group))
}

function readCommandLine(): CommandLine {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        short: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    const { short, write } = values
    if (write && (short || values.only)) throw new Error('--write renews all figures: give it alone')
    const known = readAttacks()
    if (!values.only) return { alone: known, together: short ? [] : groups(known), short, write }
    const named = values.only.flatMap(names => names.split(',')).map(names => attacksOf(names, known))
    const alone = named.filter(({ length }) => length === 1).flat()
    return { alone, together: named.filter(({ length }) => length > 1), short, write }
  } catch (error) {
    console.error(`attack: ${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

/** `names`: of one, or of several with + between them. */
function attacksOf(names: string, known: readonly Attack[]): Attack[] {
  return names.split('+').map(name => {
    const attack = known.find(attack => attack.name === name)
    if (!attack) throw new Error(`there is no attack "${name}" in apps/hostile`)
    return attack
  })
}

await main()
process.exit()
