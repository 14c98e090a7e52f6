/** `vitrine routes …`: which hosts and paths lead to which app. */
import { Client } from './client.ts'
import { type Command, hasOption, JSON_OPTION, textOption } from './command.ts'
import { clean } from './terminal.ts'

export const routesListCommand: Command = {
  name: 'routes list',
  summary: 'List the routes; without one, an app answers at NAME.<domain>',
  positionals: [],
  options: { app: { value: 'NAME', help: 'only those of this app' }, ...JSON_OPTION },
  async run(invocation) {
    const { terminal, env } = invocation
    const routes = await new Client(env).routes(textOption(invocation, 'app'))
    if (hasOption(invocation, 'json')) return terminal.printJson(routes)
    if (routes.length === 0)
      return terminal.print('There are no routes: "vitrine routes add PATTERN APP" adds one.')
    terminal.table(
      ['ROUTE', 'APP'],
      routes.map(({ pattern, app }) => [pattern, app]),
    )
  },
}

export const routesAddCommand: Command = {
  name: 'routes add',
  summary: 'Lead a route to an app',
  positionals: ['PATTERN', 'APP'],
  options: {},
  examples: ["vitrine routes add 'api.example.com/v1/*' api"],
  async run({ terminal, env, positionals }) {
    const [pattern, app] = positionals as [string, string]
    await new Client(env).addRoute(pattern, app)
    terminal.print(`Added ${pattern} to ${app}`)
  },
}

export const routesDeleteCommand: Command = {
  name: 'routes delete',
  summary: 'Delete a route',
  positionals: ['PATTERN'],
  options: {},
  async run({ terminal, env, positionals }) {
    await new Client(env).deleteRoute(positionals[0]!)
    terminal.print(`Deleted ${positionals[0]}`)
  },
}

export const routesLookupCommand: Command = {
  name: 'routes lookup',
  summary: 'Say which app answers a URL, and by which route',
  positionals: ['URL'],
  options: JSON_OPTION,
  examples: ['vitrine routes lookup http://api.example.com/v1/users'],
  async run(invocation) {
    const { terminal, env, positionals } = invocation
    const url = positionals[0]!
    const found = await new Client(env).lookup(/^https?:\/\//i.test(url) ? url : `http://${url}`)
    if (hasOption(invocation, 'json')) return terminal.printJson(found)
    terminal.print(
      found.app === null
        ? `No app answers ${url}: "vitrine routes list" shows the routes.`
        : clean(`${found.app} (${found.pattern})`),
    )
  },
}
