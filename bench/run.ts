/**
 * The benchmarks: asks the questions of this directory, one after the other, and prints the answers.
 *
 * npm run bench -- [NAME…] [--repeats N] [--seconds S] [--write]
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { apps } from './apps.ts'
import { bodies } from './bodies.ts'
import { coldStart } from './cold-start.ts'
import { hello } from './hello.ts'
import { manyApps } from './many-apps.ts'
import { memory } from './memory.ts'
import { neighbours } from './neighbours.ts'
import { prelude } from './prelude.ts'
import { redeploy } from './redeploy.ts'
import { describeMachine } from './support/machine.ts'
import type { AskOptions, Question } from './support/question.ts'
import { type Answered, reportOf, sectionOf } from './support/report.ts'
import { script } from './support/script.ts'
import { text } from './text.ts'
import { watching } from './watching.ts'
import { webApis } from './web-apis.ts'
import { zipf } from './zipf.ts'

const QUESTIONS: readonly Question[] = [
  hello,
  apps,
  coldStart,
  memory,
  manyApps,
  zipf,
  redeploy,
  neighbours,
  bodies,
  text,
  webApis,
  prelude,
  watching,
  script('metrics', 'What metrics cost'),
  script('sandbox-fetch', 'What a Request and a Response cost inside an isolate'),
]

const RESULTS = new URL('./RESULTS.md', import.meta.url)

const USAGE = `npm run bench -- [NAME…] [--repeats N] [--seconds S] [--write]

${QUESTIONS.map(({ name, title }) => `  ${name.padEnd(15)} ${title}`).join('\n')}

  --repeats N     how often each side is measured (default 5)
  --seconds S     of load for each measurement (default 2)
  --write         renews bench/RESULTS.md; of all questions`

interface CommandLine extends AskOptions {
  questions: readonly Question[]
  write: boolean
}

async function main(): Promise<void> {
  const options = readCommandLine()
  const machine = describeMachine()
  console.log(machine.join('\n'))
  const answered: Answered[] = []
  for (const question of options.questions) {
    const began = performance.now()
    const answer = await question.ask(options)
    answered.push({ question, answer })
    console.log(`\n${sectionOf({ question, answer })}`)
    console.log(`\n(asked for ${Math.round((performance.now() - began) / 1000)} s)`)
  }
  if (options.write) writeFileSync(RESULTS, reportOf(answered, { machine, ...options }))
}

function readCommandLine(): CommandLine {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        repeats: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '2' },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    const { write } = values
    if (write && positionals.length > 0)
      throw new Error('--write renews the results of all questions: name none')
    const repeats = wholeNumber('repeats', values.repeats)
    const seconds = wholeNumber('seconds', values.seconds)
    const questions = positionals.length === 0 ? QUESTIONS : positionals.map(questionOf)
    return { questions, repeats, seconds, write }
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

function questionOf(name: string): Question {
  const question = QUESTIONS.find(question => question.name === name)
  if (!question) throw new Error(`there is no question "${name}"`)
  return question
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text)
  throw new Error(`--${name} must be a whole number from 1 to 999, not "${text}"`)
}

await main().catch((error: Error) => {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
})
