/** `vitrine serve`: runs a platform until it is told to stop. Its flags are the settings in config.ts. */
import { flagOf, loadConfig, OPTIONS, type OptionName } from '../config.ts'
import type { Command, CommandOption, Invocation } from './command.ts'
import { clean, type Terminal } from './terminal.ts'

type Setting = { kind: string; default: unknown; help: string; unit?: string; form?: string }

/** Each setting as an option of a command line. */
export const SETTING_OPTIONS: Record<string, CommandOption> = Object.fromEntries(
  (Object.entries(OPTIONS) as [string, Setting][]).map(([name, setting]) => [
    flagOf(name),
    optionOf(setting),
  ]),
)

function optionOf({ kind, default: fallback, help, unit, form }: Setting): CommandOption {
  if (kind === 'boolean') return { help }
  const value = kind === 'address' ? 'H:P' : (form ?? (kind === 'text' ? 'TEXT' : 'N'))
  const shown = Array.isArray(fallback) ? fallback.join(',') : String(fallback)
  const isCount = unit !== undefined && unit !== 'ms' && unit !== 'MB' && unit !== 'bytes'
  return {
    value,
    help: shown === '' ? help : `${help} (default ${shown}${unit && !isCount ? ` ${unit}` : ''})`,
  }
}

/** The settings among an invocation's options, by the names that `loadConfig` knows. */
export function settingsOf({
  options,
}: Pick<Invocation, 'options'>): Partial<Record<OptionName, string | true>> {
  const names = Object.keys(OPTIONS) as OptionName[]
  return Object.fromEntries(
    names
      .map(name => [name, options[flagOf(name)]?.at(-1)] as const)
      .filter(([, value]) => value !== undefined),
  ) as Partial<Record<OptionName, string | true>>
}

export const serveCommand: Command = {
  name: 'serve',
  summary: 'Run a platform',
  positionals: [],
  options: SETTING_OPTIONS,
  examples: [
    'vitrine serve',
    'vitrine serve --listen 127.0.0.1:8080 --apps= --store sqlite:/var/lib/vitrine.db',
  ],
  async run(invocation) {
    const config = loadConfig({ flags: settingsOf(invocation), env: invocation.env })
    const { startPlatform } = await import('../main.ts')
    const stop = stopSignal()
    await using platform = await startPlatform(config)
    printStarted(platform, invocation.terminal)
    await stop
  },
}

/** What there is to open after a start. */
export interface Started {
  /** Where apps answer, with the domain's port: `http://localhost:3080/`. */
  appsUrl: string
  controlUrl: string
  metricsUrl: string
  /** Apps of `--apps`. */
  deployed: { name: string; url: string }[]
}

export function printStarted(
  { appsUrl, controlUrl, metricsUrl, deployed }: Started,
  terminal: Terminal,
): void {
  const line = (label: string, url: string) =>
    terminal.print(`  ${label.padEnd(10)} ${terminal.paint('cyan', clean(url))}`)
  terminal.print(`${terminal.paint('green', 'Vitrine is up.')} Ctrl-C stops it.\n`)
  line('apps', appsUrl)
  line('control', controlUrl)
  line('metrics', metricsUrl)
  terminal.print()
  if (deployed.length > 0)
    terminal.table(
      ['APP', 'URL'],
      deployed.map(({ name, url }) => [name, url]),
    )
  else terminal.print('No app is deployed yet: "vitrine deploy PATH" deploys one.')
}

/** npm, a shell and bin.mjs may each hand on one Ctrl-C: what follows within this time is no second one. */
const SAME_SIGNAL_MS = 1000

/** Resolves at the first SIGINT or SIGTERM; a second one, later, ends the process at once. */
function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let askedAt: number | undefined
  const stop = () => {
    if (askedAt !== undefined && performance.now() - askedAt > SAME_SIGNAL_MS) process.exit(130)
    askedAt ??= performance.now()
    resolve()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  return promise
}
