/** Help and the reference in docs/cli.md, both from the declarations by which command lines are parsed. */
import { type Command, type CommandOption, usageOf } from './command.ts'
import type { Terminal } from './terminal.ts'

/** Environment variables of the commands that talk to a platform. */
const CLIENT_VARIABLES = [
  ['VITRINE_URL', 'control API of the platform (default http://127.0.0.1:3081)'],
  ['VITRINE_TOKEN', 'its token, where it asks for one'],
] as const

/** All commands, one line each. */
export function overview(commands: readonly Command[], terminal: Terminal): string {
  const rows = commands.map(({ name, positionals, summary }) => [[name, ...positionals].join(' '), summary])
  return [
    'Vitrine runs JavaScript workers, each behind glass.',
    '',
    `${terminal.paint('bold', 'Usage:')} vitrine COMMAND [options]`,
    '',
    ...columns(rows),
    '',
    ...columns(CLIENT_VARIABLES),
    '',
    '"vitrine help COMMAND" shows its options, "vitrine --version" the version.',
  ].join('\n')
}

/** One command in full. */
export function commandHelp(command: Command, terminal: Terminal): string {
  const lines = [`${terminal.paint('bold', 'Usage:')} ${usageOf(command)}`, '', `${command.summary}.`]
  const options = Object.entries(command.options).map(([name, option]) => [
    flag(name, option),
    helpOf(option),
  ])
  if (options.length > 0) lines.push('', ...columns(options))
  if (command.examples)
    lines.push('', ...command.examples.map(example => `  ${terminal.paint('dim', '$')} ${example}`))
  return lines.join('\n')
}

/** The commands and their options in Markdown. */
export function reference(commands: readonly Command[]): string {
  const cell = (text: string) => text.replaceAll(/[|<]/g, '\\$&')
  return commands
    .map(command => {
      const options = Object.entries(command.options).map(
        ([name, option]) => `| \`${cell(flag(name, option))}\` | ${cell(helpOf(option))} |`,
      )
      const usage = ['vitrine', command.name, ...command.positionals].join(' ')
      return [
        `### ${command.name}\n\n\`${usage}\`: ${cell(command.summary)}.`,
        ...(options.length > 0 ? [`| option | |\n|---|---|\n${options.join('\n')}`] : []),
        ...(command.examples ? [`\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``] : []),
      ].join('\n\n')
    })
    .join('\n\n')
}

function flag(name: string, { value, short }: CommandOption): string {
  return `${short ? `-${short}, ` : ''}--${name}${value === undefined ? '' : ` ${value}`}`
}

function helpOf({ help, many }: CommandOption): string {
  return many ? `${help}; may be given several times` : help
}

function columns(rows: readonly (readonly [string, string] | string[])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left!.length))
  return rows.map(([left, right]) => `  ${left!.padEnd(width)}  ${right}`)
}
