/** `vitrine apps`, `vitrine app`, `vitrine delete`, `vitrine release`: what is deployed, and how it fares. */
import { type AppDetail, Client } from './client.ts'
import { type Command, hasOption, type Invocation, JSON_OPTION } from './command.ts'
import { ago, clean, duration, size, type Terminal } from './terminal.ts'

export const appsCommand: Command = {
  name: 'apps',
  summary: 'List the apps that are deployed',
  positionals: [],
  options: JSON_OPTION,
  async run(invocation) {
    const { terminal, env } = invocation
    const apps = await new Client(env).apps()
    if (hasOption(invocation, 'json')) return terminal.printJson(apps)
    if (apps.length === 0) return terminal.print('No app is deployed yet: "vitrine deploy PATH" deploys one.')
    const now = Date.now()
    terminal.table(
      ['APP', 'VERSION', 'DEPLOYED', 'UP', 'READY', 'IN FLIGHT', 'QUEUED', 'ROUTES'],
      apps.map(app => [
        app.name,
        String(app.version.number),
        ago(app.version.createdAt, now),
        app.startTime === null ? '–' : duration(now - app.startTime),
        String(app.readyInstances),
        String(app.inFlight),
        String(app.queued),
        app.routes.join(', ') || '–',
      ]),
    )
  },
}

export const appCommand: Command = {
  name: 'app',
  summary: 'Show one app: where it answers, what it is set to, what it is doing',
  positionals: ['NAME'],
  options: JSON_OPTION,
  async run(invocation) {
    const { terminal, env, positionals } = invocation
    const app = await new Client(env).app(positionals[0]!)
    if (hasOption(invocation, 'json')) return terminal.printJson(app)
    printApp(app, terminal, Date.now())
  },
}

function printApp(app: AppDetail, terminal: Terminal, now: number): void {
  const { version, config } = app
  const loaded = app.startTime === null ? 'not loaded' : `up ${duration(now - app.startTime)}`
  const compatibility = [config.compatibilityDate ?? 'no date', ...config.compatibilityFlags]
  const facts: [string, string][] = [
    ['version', `${version.number} (${version.id}), deployed ${ago(version.createdAt, now)}`],
    ['bundle', `${size(app.bundleBytes)}, main module ${config.main}, ${config.syntax} syntax`],
    ['compatibility', compatibility.join(', ')],
    [
      'limits',
      Object.entries(app.limits)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ') || '–',
    ],
    ['routes', app.routes.join(', ') || '–'],
    ['state', `${loaded}, ${app.readyInstances} ready, ${app.inFlight} in flight, ${app.queued} queued`],
  ]
  if (app.quarantine) facts.push(['quarantine', quarantineText(app.quarantine)])
  terminal.print(terminal.paint('bold', clean(app.name)))
  for (const url of app.urls) terminal.print(`  ${terminal.paint('cyan', clean(url))}`)
  for (const [label, text] of facts) terminal.print(`  ${label.padEnd(13)}  ${clean(text)}`)
  for (const [name, value] of Object.entries(config.vars))
    terminal.print(`  ${'var'.padEnd(13)}  ${clean(`${name} = ${JSON.stringify(value)}`)}`)
  if (app.instances.length === 0) return
  terminal.print()
  terminal.table(
    ['INSTANCE', 'RUNTIME', 'IN FLIGHT', 'HEAP'],
    app.instances.map(({ id, runtime, inFlight, heapBytes }) => [
      String(id),
      runtime,
      String(inFlight),
      size(heapBytes),
    ]),
  )
}

function quarantineText({
  state,
  reason,
  deaths,
  pauseMs,
  releaseMs,
  clearedByDeploy,
}: NonNullable<AppDetail['quarantine']>): string {
  const may = state === 'suspected' && deaths === 0 ? 'may have ' : ''
  const what = `${may}brought ${deaths > 1 ? `${deaths} runtimes` : 'a runtime'} down (${reason})`
  const apart = state === 'suspected' ? 'runs apart from others' : 'runs alone'
  const pause = pauseMs > 0 ? `, may start in ${duration(pauseMs)}` : ''
  const deploy = clearedByDeploy ? ', by a deploy' : ''
  return `${what}; ${apart}${pause}; ends in ${duration(releaseMs)}${deploy} or by "vitrine release"`
}

export const releaseCommand: Command = {
  name: 'release',
  summary: 'Let an app out of quarantine',
  positionals: ['NAME'],
  options: {},
  async run({ terminal, env, positionals }: Invocation) {
    const released = await new Client(env).releaseApp(positionals[0]!)
    terminal.print(released ? `Released ${positionals[0]}` : `${positionals[0]} is not in quarantine`)
  },
}

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'Delete an app with its versions and routes',
  positionals: ['NAME'],
  options: {},
  async run({ terminal, env, positionals }: Invocation) {
    await new Client(env).deleteApp(positionals[0]!)
    terminal.print(`Deleted ${positionals[0]}`)
  },
}
