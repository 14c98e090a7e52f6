/**
 * Every attack under apps/hostile beside a victim under steady load, one at a time and then four at once.
 *
 * npm run attack -- [--only NAME,…] [--short] [--write]
 */
import { parseArgs } from 'node:util'
import { type Attack, readAttacks } from '../../test/support/attack.ts'
import { describeMachine } from '../support/machine.ts'
import { Arena } from './arena.ts'
import { measureBaseline } from './baseline.ts'
import { baselineLines, headline, type Results, rowLine, writeFigures } from './report.ts'
import { type Row, type TrialOptions, tryAttack, tryTogether } from './trial.ts'

const USAGE = `npm run attack -- [--only NAME,…] [--short] [--write]

  --only NAME,…   these attacks, one at a time
  --short         each attack once, one at a time
  --write         renews the figures in docs/security.md`

const AT_ONCE = 4
const BASELINE_MS = 4000
const ATTACK_MS = 1000
/** What looks wrong is looked at again, for longer: the p99 of a second's requests is a matter of luck. */
const AGAIN_MS = 5000
/** After start the platform compiles what it runs. */
const WARM_UP_MS = 2000
/** Memory at the end may be this much more than at the beginning. */
const GROWTH_BYTES_MAX = 256 * 2 ** 20
const SETTLE_MS = 3000

interface CommandLine {
  attacks: Attack[]
  together: boolean
  ms: number
  write: boolean
}

async function main(): Promise<void> {
  const { attacks, together, ms, write } = readCommandLine()
  const machine = describeMachine()
  console.log(machine.join('\n'))
  await using arena = await Arena.open()
  await arena.measure(async () => {}, WARM_UP_MS)
  const baseline = await measureBaseline(arena, BASELINE_MS)
  console.log(`\n${baselineLines(baseline).join('\n')}`)
  const rssBefore = arena.rssBytes()
  const options = { baseline, ms }
  const results: Results = {
    machine,
    baseline,
    alone: await all(
      attacks.map(attack => options => tryAttack(arena, attack, options)),
      options,
    ),
    together: together
      ? await all(
          groups(attacks).map(group => options => tryTogether(arena, group, options)),
          options,
        )
      : [],
  }
  await arena.measure(async () => {}, SETTLE_MS)
  const problems = [...results.alone, ...results.together].filter(row => row.problems.length > 0)
  const grownBytes = arena.rssBytes() - rssBefore
  console.log(`\nThe platform takes ${Math.round(grownBytes / 2 ** 20)} MB more than before.`)
  console.log(`${problems.length} of ${results.alone.length + results.together.length} do not hold.`)
  if (write) writeFigures(results)
  process.exitCode = problems.length > 0 || grownBytes > GROWTH_BYTES_MAX ? 1 : 0
}

type Trial = (options: TrialOptions) => Promise<Row>

async function all(trials: readonly Trial[], options: TrialOptions): Promise<Row[]> {
  if (trials.length > 0) console.log(`\n${headline().join('\n')}`)
  const rows: Row[] = []
  for (const trial of trials) {
    let row = await trial(options)
    if (row.problems.length > 0) {
      console.log(`${rowLine(row)}\n${row.problems.map(problem => `    ? ${problem}`).join('\n')}`)
      row = await trial({ ...options, ms: AGAIN_MS })
    }
    console.log([rowLine(row), ...row.problems.map(problem => `    ✗ ${problem}`)].join('\n'))
    rows.push(row)
  }
  return rows
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
    const named = values.only?.flatMap(names => names.split(','))
    const unknown = named?.find(name => !known.some(attack => attack.name === name))
    if (unknown !== undefined) throw new Error(`there is no attack "${unknown}" in apps/hostile`)
    const attacks = named ? known.filter(({ name }) => named.includes(name)) : known
    return { attacks, together: !short && !named, ms: short ? 0 : ATTACK_MS, write }
  } catch (error) {
    console.error(`attack: ${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

await main()
process.exit()
