/**
 * Faults of what the platform stands on, one after the other, beside what its users notice of them.
 *
 * npm run faults -- [NAME…] [--seconds 60]
 *
 * Prints a line for each; exit code 1 if one went wrong.
 */
import { parseArgs } from 'node:util'
import { clock } from './clock.ts'
import { fullDisk, readOnlyDisk } from './disk.ts'
import { CannotCause, type Fault } from './fault.ts'
import { lockedDatabase } from './lock.ts'
import { platform } from './platform.ts'
import { runtimes } from './runtimes.ts'
import { upstream } from './upstream.ts'

const FAULTS: readonly Fault[] = [runtimes, platform, fullDisk, readOnlyDisk, lockedDatabase, upstream, clock]

const USAGE = `npm run faults -- [NAME…] [--seconds S]

${FAULTS.map(({ name, title }) => `  ${name.padEnd(16)} ${title}`).join('\n')}

  --seconds S      how long runtimes are killed (default 60)`

function readCommandLine(): { faults: readonly Fault[]; seconds: number } {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: 'string', default: '60' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    if (!/^[1-9]\d{0,3}$/.test(values.seconds)) {
      throw new Error(`--seconds must be a whole number from 1 to 9999, not "${values.seconds}"`)
    }
    const faults = positionals.length === 0 ? FAULTS : positionals.map(faultOf)
    return { faults, seconds: Number(values.seconds) }
  } catch (error) {
    console.error(`faults: ${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

function faultOf(name: string): Fault {
  const fault = FAULTS.find(fault => fault.name === name)
  if (!fault) throw new Error(`there is no fault "${name}"`)
  return fault
}

const { faults, seconds } = readCommandLine()
for (const { name, title, run } of faults) {
  console.log(`${name}: ${title}`)
  try {
    console.log(`  well: ${await run({ seconds })}`)
  } catch (error) {
    const skipped = error instanceof CannotCause
    console.log(`  ${skipped ? 'cannot be caused here' : 'WRONG'}: ${(error as Error).message}`)
    if (!skipped) process.exitCode = 1
  }
}
