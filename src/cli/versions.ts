/** `vitrine versions` and `vitrine rollback`: an app's history. */
import { Client } from './client.ts'
import { type Command, hasOption, JSON_OPTION } from './command.ts'
import { ago, clean, size } from './terminal.ts'

export const versionsCommand: Command = {
  name: 'versions',
  summary: 'List an app’s versions, newest first',
  positionals: ['NAME'],
  options: JSON_OPTION,
  async run(invocation) {
    const { terminal, env, positionals } = invocation
    const versions = await new Client(env).versions(positionals[0]!)
    if (hasOption(invocation, 'json')) return terminal.printJson(versions)
    const now = Date.now()
    terminal.table(
      ['VERSION', 'ID', 'DEPLOYED', 'SIZE', '', 'MESSAGE'],
      versions.map(({ id, number, createdAt, bundleBytes, active, message = '' }) => [
        String(number),
        id.slice(0, 8),
        ago(createdAt, now),
        size(bundleBytes),
        active ? 'active' : '',
        message,
      ]),
    )
  },
}

export const rollbackCommand: Command = {
  name: 'rollback',
  summary: 'Make an older version active again: the one before, or the one named by number or id',
  positionals: ['NAME', '[VERSION]'],
  options: JSON_OPTION,
  examples: ['vitrine rollback hello', 'vitrine rollback hello 3'],
  async run(invocation) {
    const { terminal, env, positionals } = invocation
    const [name, version] = positionals as [string, string | undefined]
    const { app, version: active } = await new Client(env).rollback(name, version)
    if (hasOption(invocation, 'json')) return terminal.printJson({ app, version: active })
    terminal.print(`${clean(app)} is back at version ${active.number} (${clean(active.id.slice(0, 8))})`)
  },
}
