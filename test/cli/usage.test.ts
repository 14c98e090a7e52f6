import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findCommand, parseCommandLine } from '../../src/cli/command.ts'
import { reference } from '../../src/cli/help.ts'
import { COMMANDS } from '../../src/cli/main.ts'
import { flagOf, OPTIONS } from '../../src/config.ts'
import { directoryWith, vitrine } from './support.ts'

function parse(...args: string[]) {
  const { command, rest } = findCommand(COMMANDS, args)!
  return { name: command.name, ...parseCommandLine(command, rest) }
}

const usageErrors: [string[], RegExp][] = [
  [['deplyo'], /^Unknown command "deplyo"; did you mean deploy\?$/],
  [['frobnicate'], /^Unknown command "frobnicate"; "vitrine help" lists them$/],
  [['logs', 'x'], /^Unknown command "logs"/],
  [['routes'], /^vitrine routes: say which: list, add, delete, lookup$/],
  [['routes', 'ad'], /^Unknown command "routes ad"; did you mean "routes add"\?$/],
  [['deploy', '--nmae', 'x'], /^vitrine deploy has no option --nmae; did you mean --name\?$/],
  [
    ['apps', '--frobnicate'],
    /^vitrine apps has no option --frobnicate; "vitrine apps --help" lists its options$/,
  ],
  [['deploy', '--name'], /^--name needs a value: --name NAME$/],
  [['deploy', '--name', '--json'], /^--name needs a value: --name NAME$/],
  [['app'], /^vitrine app needs NAME: vitrine app NAME \[--json\]$/],
  [['apps', 'x'], /^"x" is one argument too many: vitrine apps \[--json\]$/],
]
for (const [args, message] of usageErrors) {
  test(`wrong usage is named: vitrine ${args.join(' ')}`, () => {
    assert.throws(() => parse(...args), { code: 'USAGE', message })
  })
}

test('options may stand anywhere, with = or a space, and repeat', () => {
  const { options, positionals } = parse(
    'deploy',
    '--var=A=1',
    'app',
    '--var',
    'B=2',
    '-m',
    'x',
    '--no-bundle',
  )

  assert.deepEqual(positionals, ['app'])
  assert.deepEqual(options, { var: ['A=1', 'B=2'], message: ['x'], 'no-bundle': [true] })
})

test('wrong usage ends with exit code 2 and nothing on stdout', async () => {
  const unknown = await vitrine(['deploy', '--nmae', 'x'])
  const invalid = await vitrine(['deploy', '--cpu-ms', 'fast'])
  const setting = await vitrine(['serve', '--cpu-ms', 'fast'])

  for (const { code, stdout } of [unknown, invalid, setting]) assert.deepEqual([code, stdout], [2, ''])
  assert.equal(invalid.stderr, 'vitrine: --cpu-ms must be a whole number above 0, not "fast"\n')
  assert.match(
    setting.stderr,
    /^vitrine: --cpu-ms must be a whole number from 1 to \d+ \(ms\), not "fast"\n$/,
  )
})

test('every setting of the platform is a flag of serve', () => {
  const { options } = findCommand(COMMANDS, ['serve'])!.command

  assert.deepEqual(Object.keys(options), Object.keys(OPTIONS).map(flagOf))
})

test('help lists every command, and each command’s options', async () => {
  const overview = await vitrine(['help'])
  const one = await vitrine(['deploy', '--help'])
  const group = await vitrine(['help', 'routes'])

  assert.equal(overview.code, 0)
  for (const { name, summary } of COMMANDS)
    assert.ok(overview.stdout.includes(name) && overview.stdout.includes(summary))
  assert.match(one.stdout, /^Usage: vitrine deploy \[PATH\] \[options\]\n/)
  assert.match(one.stdout, /--cpu-ms N {2}/)
  assert.match(group.stdout, /routes list[\s\S]*routes add[\s\S]*routes delete[\s\S]*routes lookup/)
})

test('--version prints the version alone', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }

  assert.equal((await vitrine(['--version'])).stdout, `${version}\n`)
})

test('docs/cli.md ends with the reference made from the commands', async () => {
  const file = new URL('../../docs/cli.md', import.meta.url)
  const [written] = /^[\s\S]*<!-- From here on .*-->\n\n/.exec(await readFile(file, 'utf8'))!
  const expected = `${written}${reference(COMMANDS)}\n`
  if (process.env.UPDATE_DOCS) await writeFile(file, expected)

  const documentation = await readFile(file, 'utf8')

  assert.equal(documentation, expected, 'renew it: UPDATE_DOCS=1 node --test test/cli/usage.test.ts')
})

test('init writes an app that can be built, and overwrites nothing', async () => {
  using directory = await directoryWith({})

  const first = await vitrine(['init', 'My-App'], { cwd: directory.path })
  const again = await vitrine(['init', 'My-App'], { cwd: directory.path })
  const misnamed = await vitrine(['init', 'x_y'], { cwd: directory.path })

  assert.equal(first.code, 0)
  assert.match(
    await readFile(`${directory.path}/My-App/wrangler.toml`, 'utf8'),
    /^name = "my-app"\nmain = "src\/index\.ts"/,
  )
  assert.deepEqual([again.code, again.stdout], [1, ''])
  assert.match(again.stderr, /wrangler\.toml is there already: choose an empty directory\n$/)
  assert.match(misnamed.stderr, /^vitrine: "x_y" cannot be an app's name: use --name/)
})

const TYPED = `interface Env {
  KV: KVNamespace
  NAME: string
}

export default {
  async fetch(request, env, ctx) {
    ctx.waitUntil(caches.default.delete(request))
    const [client, server] = Object.values(new WebSocketPair())
    server!.accept()
    const body = new HTMLRewriter()
      .on('a', { element: a => void a.setAttribute('href', env.NAME) })
      .transform(new Response((await env.KV.get('page')) ?? request.cf?.country ?? null))
    return request.headers.has('upgrade') ? new Response(null, { status: 101, webSocket: client }) : body
  },
} satisfies ExportedHandler<Env>
`

test('the app that init writes compiles, and so does what uses the types that it asks for', async () => {
  using directory = await directoryWith({})
  await vitrine(['init', 'typed'], { cwd: directory.path })
  const app = `${directory.path}/typed`
  await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), `${app}/node_modules`)
  await writeFile(`${app}/src/typed.ts`, TYPED)
  const { scripts } = JSON.parse(await readFile(`${app}/package.json`, 'utf8')) as {
    scripts: { check: string }
  }
  const check = () => spawnSync(`${app}/node_modules/.bin/${scripts.check}`, { cwd: app, encoding: 'utf8' })

  const good = check()
  await writeFile(`${app}/src/wrong.ts`, 'export const wrong: KVNamespace = new WebSocketPair()\n')
  const bad = check()

  assert.deepEqual([good.status, good.stdout], [0, ''])
  assert.match(bad.stdout, /^src\/wrong\.ts\(1,14\): error TS/)
})
