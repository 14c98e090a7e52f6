/**
 * What a command is: one declaration from which parsing, help and docs/cli.md derive.
 */
import { parseArgs } from 'node:util'
import { nearest } from '../config.ts'
import { VitrineError } from '../errors.ts'
import type { Terminal } from './terminal.ts'

export interface Command {
  /** One or two words: `deploy`, `routes add`. */
  name: string
  /** One line, without a full stop. */
  summary: string
  /** `[PATH]` may be left out, `NAME` may not. */
  positionals: readonly string[]
  options: Record<string, CommandOption>
  /** Whole command lines that show what it is for. */
  examples?: readonly string[]
  /** Rejects with a VitrineError for what the user can mend. */
  run(invocation: Invocation): Promise<void>
}

export interface CommandOption {
  /** Of the value, as help shows it (`N`, `PATTERN`); a flag has none. */
  value?: string
  /** May be given several times. */
  many?: boolean
  /** One letter. */
  short?: string
  help: string
}

/** A command line, parsed. */
export interface Invocation {
  /** By option name, in the order given; a flag is `true`, unless it was given a value. */
  options: Record<string, (string | true)[]>
  positionals: string[]
  terminal: Terminal
  /** The process' environment, for `loadConfig` and the client's settings. */
  env: Record<string, string | undefined>
}

export const JSON_OPTION = { json: { help: 'print JSON' } } satisfies Record<string, CommandOption>

/** The value of an option that may be given once; the last one counts. */
export function textOption({ options }: Invocation, name: string): string | undefined {
  const value = options[name]?.at(-1)
  return value === true ? undefined : value
}

export function hasOption({ options }: Invocation, name: string): boolean {
  return options[name] !== undefined
}

/** A whole number above 0. */
export function countOption(invocation: Invocation, name: string): number | undefined {
  const text = textOption(invocation, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value))
    throw new VitrineError('USAGE', `--${name} must be a whole number above 0, not "${text}"`)
  return value
}

/** Finds the command that `args` begin with; undefined if there are none. Throws `USAGE` for an unknown one. */
export function findCommand(
  commands: readonly Command[],
  args: readonly string[],
): { command: Command; rest: string[] } | undefined {
  const [first, second] = args
  if (first === undefined) return undefined
  const command =
    commands.find(({ name }) => name === `${first} ${second}`) ?? commands.find(({ name }) => name === first)
  if (command) return { command, rest: args.slice(command.name.split(' ').length) }

  const group = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name)
  if (group.length === 0) {
    const near = nearest(
      first,
      commands.map(({ name }) => name.split(' ')[0]!),
    )
    throw new VitrineError(
      'USAGE',
      `Unknown command "${first}"; ${near ? `did you mean ${near}?` : '"vitrine help" lists them'}`,
    )
  }
  const near = second === undefined ? undefined : nearest(`${first} ${second}`, group)
  const words = group.map(name => name.split(' ')[1]).join(', ')
  const hint = near ? `did you mean "${near}"?` : `say which: ${words}`
  throw new VitrineError(
    'USAGE',
    second === undefined ? `vitrine ${first}: ${hint}` : `Unknown command "${first} ${second}"; ${hint}`,
  )
}

/** Parses what stands behind a command's name. Throws `USAGE`. */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
): Pick<Invocation, 'options' | 'positionals'> {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      Object.entries(command.options).map(([name, { value, short }]) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
      ]),
    ),
  })
  const options: Invocation['options'] = {}
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(command.options, token.name) ? command.options[token.name] : undefined
    if (!option) throw unknownOption(command, token.name, token.rawName)
    const missing = token.value === undefined || (!token.inlineValue && token.value.startsWith('-'))
    if (option.value !== undefined && missing)
      throw new VitrineError('USAGE', `--${token.name} needs a value: --${token.name} ${option.value}`)
    options[token.name] = [...(options[token.name] ?? []), token.value ?? true]
  }
  assertPositionals(command, positionals)
  return { options, positionals }
}

function unknownOption(command: Command, name: string, raw: string): VitrineError {
  const near = nearest(name, Object.keys(command.options))
  const remedy = near ? `did you mean --${near}?` : `"vitrine ${command.name} --help" lists its options`
  return new VitrineError('USAGE', `vitrine ${command.name} has no option ${raw}; ${remedy}`)
}

function assertPositionals(command: Command, given: readonly string[]): void {
  const required = command.positionals.filter(name => !name.startsWith('['))
  const missing = required[given.length]
  if (missing !== undefined)
    throw new VitrineError('USAGE', `vitrine ${command.name} needs ${missing}: ${usageOf(command)}`)
  const surplus = given[command.positionals.length]
  if (surplus !== undefined)
    throw new VitrineError('USAGE', `"${surplus}" is one argument too many: ${usageOf(command)}`)
}

/** `vitrine versions NAME [--json]`, with `[options]` where there are many. */
export function usageOf({ name, positionals, options }: Command): string {
  const names = Object.entries(options)
  const shown =
    names.length > 2
      ? ['[options]']
      : names.map(([option, { value }]) => `[--${option}${value === undefined ? '' : ` ${value}`}]`)
  return ['vitrine', name, ...positionals, ...shown].join(' ')
}
