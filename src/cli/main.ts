/**
 * The command line: finds the command, runs it, and turns how it ended into an exit code: 0 done, 1 failed,
 * 2 wrong usage. An error is one sentence on stderr, with what there is to show below it.
 */
import { readFileSync } from 'node:fs'
import { VitrineError } from '../errors.ts'
import { appCommand, appsCommand, deleteCommand, releaseCommand } from './apps.ts'
import { type Command, findCommand, parseCommandLine } from './command.ts'
import { deployCommand } from './deploy.ts'
import { commandHelp, overview } from './help.ts'
import { initCommand } from './init.ts'
import { routesAddCommand, routesDeleteCommand, routesListCommand, routesLookupCommand } from './routes.ts'
import { runtimeCommand } from './runtime.ts'
import { serveCommand } from './serve.ts'
import { tailCommand } from './tail.ts'
import { cleanLines, Terminal } from './terminal.ts'
import { rollbackCommand, versionsCommand } from './versions.ts'

/** In the order in which help shows them. */
export const COMMANDS: readonly Command[] = [
  serveCommand,
  initCommand,
  deployCommand,
  appsCommand,
  appCommand,
  deleteCommand,
  releaseCommand,
  routesListCommand,
  routesAddCommand,
  routesDeleteCommand,
  routesLookupCommand,
  versionsCommand,
  rollbackCommand,
  tailCommand,
  runtimeCommand,
]

const EXIT_FAILED = 1
const EXIT_USAGE = 2

async function run(args: string[], terminal: Terminal): Promise<number> {
  if (args[0] === '--version' || args[0] === '-v') {
    terminal.print(version())
    return 0
  }
  const wantsHelp = args.some(arg => arg === '--help' || arg === '-h')
  const words = args[0] === 'help' ? args.slice(1) : args.filter(arg => arg !== '--help' && arg !== '-h')
  if (words.length === 0) {
    terminal.print(overview(COMMANDS, terminal))
    return args.length === 0 ? EXIT_USAGE : 0
  }
  if (args[0] === 'help' || wantsHelp) {
    terminal.print(helpOn(words, terminal))
    return 0
  }
  const { command, rest } = findCommand(COMMANDS, words)!
  const parsed = parseCommandLine(command, rest)
  await command.run({ ...parsed, terminal, env: process.env })
  return 0
}

function helpOn(words: string[], terminal: Terminal): string {
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${words[0]} `))
  const isWhole = group.some(({ name }) => name === words.slice(0, 2).join(' '))
  if (group.length > 0 && !isWhole) return group.map(command => commandHelp(command, terminal)).join('\n\n')
  return commandHelp(findCommand(COMMANDS, words)!.command, terminal)
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

function report(error: unknown, terminal: Terminal): number {
  if (!(error instanceof VitrineError)) {
    terminal.note(`vitrine has a bug: ${error instanceof Error ? error.stack : String(error)}`)
    return EXIT_FAILED
  }
  terminal.note(`vitrine: ${cleanLines(error.message)}`)
  if (error.detail) terminal.note(`\n${error.detail.split('\n').map(cleanLines).join('\n')}\n`)
  return error.code === 'USAGE' || error.code === 'CONFIG_INVALID' ? EXIT_USAGE : EXIT_FAILED
}

/** Runs one command line in this process and sets its exit code. */
export async function main(args: string[]): Promise<void> {
  const terminal = new Terminal({ out: process.stdout, err: process.stderr, env: process.env })
  // `vitrine tail hello | head` closes the pipe: that is no error.
  process.stdout.on('error', error => process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 1))
  // Started by bin.mjs in an older Node, this process ends when that one is gone.
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  process.channel?.unref()
  process.exitCode = await run(args, terminal).catch((error: unknown) => report(error, terminal))
}

if (import.meta.main) await main(process.argv.slice(2))
