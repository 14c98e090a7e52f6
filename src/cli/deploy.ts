/** `vitrine deploy`: builds an app here and hands it to the platform. */
import { loadConfig } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { Client } from './client.ts'
import { type Command, countOption, hasOption, type Invocation, JSON_OPTION, textOption } from './command.ts'
import { clean, milliseconds, size } from './terminal.ts'

export const deployCommand: Command = {
  name: 'deploy',
  summary: 'Build an app and deploy it; the next request is served by the new version',
  positionals: ['[PATH]'],
  options: {
    name: { value: 'NAME', help: 'the app’s name, a DNS label; else the wrangler file’s, or the file’s own' },
    env: { value: 'NAME', short: 'e', help: 'the environment of the wrangler file' },
    route: { value: 'PATTERN', many: true, help: 'also answer at this route, such as "example.com/api/*"' },
    var: { value: 'K=V', many: true, help: 'a variable that the app finds in env' },
    'cpu-ms': { value: 'N', help: 'CPU time of one request, in milliseconds' },
    'memory-mb': { value: 'N', help: 'memory of an instance, in MB' },
    'no-bundle': { help: 'upload the files as they are' },
    message: { value: 'TEXT', short: 'm', help: 'what the version is about' },
    ...JSON_OPTION,
  },
  examples: [
    'vitrine deploy apps/hello',
    "vitrine deploy worker.ts --name api --route 'api.example.com/v1/*' --var GREETING=hi",
  ],
  run: deploy,
}

async function deploy(invocation: Invocation): Promise<void> {
  const { terminal, env, options, positionals } = invocation
  const client = new Client(env)
  const startedAt = performance.now()
  const { buildApp } = await import('../build/build.ts')
  const { upload, warnings } = await buildApp({
    path: positionals[0] ?? '.',
    bundleBytesMax: loadConfig({ env }).bundleBytesMax,
    name: textOption(invocation, 'name'),
    env: textOption(invocation, 'env'),
    vars: readVars(options.var ?? []),
    limits: { cpu_ms: countOption(invocation, 'cpu-ms'), memory_mb: countOption(invocation, 'memory-mb') },
    routes: (options.route ?? []) as string[],
    noBundle: hasOption(invocation, 'no-bundle') || undefined,
    message: textOption(invocation, 'message'),
  })
  for (const warning of warnings) terminal.note(`warning: ${clean(warning)}`)
  const builtMs = performance.now() - startedAt
  const deployed = await client.deploy(upload)
  for (const warning of deployed.warnings) terminal.note(`warning: ${clean(warning)}`)
  if (hasOption(invocation, 'json')) {
    terminal.printJson(deployed)
    return
  }

  const bytes = upload.modules.reduce((sum, { content }) => sum + content.byteLength, 0)
  const { version, urls } = deployed
  terminal.print(
    `${terminal.paint('green', 'Deployed')} ${terminal.paint('bold', clean(deployed.app))} version ${version.number} ` +
      `(${version.id.slice(0, 8)}), ${size(bytes)}: built in ${milliseconds(builtMs)}, ` +
      `deployed in ${milliseconds(performance.now() - startedAt - builtMs)}`,
  )
  for (const url of urls) terminal.print(`  ${terminal.paint('cyan', clean(url))}`)
}

function readVars(pairs: readonly (string | true)[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const at = String(pair).indexOf('=')
      if (at < 1) throw new VitrineError('USAGE', `--var must be NAME=VALUE, not "${pair}"`)
      return [String(pair).slice(0, at), String(pair).slice(at + 1)]
    }),
  )
}
