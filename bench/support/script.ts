/** A question that is a program by itself: `node bench/<name>.ts` prints the answer. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Question } from './question.ts'

const SCRIPT_MS_MAX = 60_000

export function script(name: string, title: string): Question {
  return {
    name,
    title,
    async ask() {
      const file = fileURLToPath(new URL(`../${name}.ts`, import.meta.url))
      const options = { timeout: SCRIPT_MS_MAX }
      const { stdout } = await promisify(execFile)(process.execPath, ['--no-node-snapshot', file], options)
      return { output: stdout.trimEnd() }
    },
  }
}
