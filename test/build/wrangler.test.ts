import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { readWrangler } from '../../src/build/wrangler.ts'
import { directoryWith } from '../cli/support.ts'

async function read(files: Record<string, string>, env?: string) {
  using directory = await directoryWith(files)
  const [file] = Object.keys(files)
  return readWrangler(join(directory.path, file!), env)
}

test('the same configuration is read from TOML, JSON and JSON with comments', async () => {
  const configs = await Promise.all([
    read({
      'wrangler.toml': `
name = "a"
main = "src/index.ts"
compatibility_date = 2026-01-31
compatibility_flags = ["nodejs_compat"]
minify = true
routes = ["a.test/*", { pattern = "b.test", custom_domain = true }, { pattern = "c.test/x*", zone_name = "c.test" }]
rules = [{ type = "Text", globs = ["**/*.md"], fallthrough = true }]
[vars]
TEXT = "x"
TABLE = { deep = [1, 2] }
[limits]
cpu_ms = 50
`,
    }),
    read({
      'wrangler.jsonc': `{
  // a comment
  "name": "a", "main": "src/index.ts", "compatibility_date": "2026-01-31",
  "compatibility_flags": ["nodejs_compat"], "minify": true,
  "routes": ["a.test/*", { "pattern": "b.test", "custom_domain": true }, { "pattern": "c.test/x*" }],
  "rules": [{ "type": "Text", "globs": ["**/*.md"], "fallthrough": true }],
  "vars": { "TEXT": "x", "TABLE": { "deep": [1, 2] } },
  "limits": { "cpu_ms": 50 },
}`,
    }),
  ])

  for (const { file, directory, ...config } of configs) {
    assert.deepEqual(JSON.parse(JSON.stringify(config)), {
      name: 'a',
      main: 'src/index.ts',
      compatibilityDate: '2026-01-31',
      compatibilityFlags: ['nodejs_compat'],
      vars: { TEXT: 'x', TABLE: { deep: [1, 2] } },
      limits: { cpu_ms: 50 },
      routes: ['a.test/*', 'b.test/*', 'c.test/x*'],
      rules: [{ type: 'Text', globs: ['**/*.md'], fallthrough: true }],
      define: {},
      alias: {},
      minify: true,
      keepNames: true,
      noBundle: false,
      findAdditionalModules: true,
      uploadSourceMaps: true,
      warnings: [],
    })
  }
})

test('every key without effect is warned about by name, according to why it has none', async () => {
  const { warnings } = await read({
    'wrangler.json': JSON.stringify({
      $schema: 'x',
      kv_namespaces: [],
      triggers: {},
      limits: { subrequests: 10 },
      account_id: 'x',
      compatability_date: '2026-01-01',
      zzz: 1,
    }),
  })

  assert.deepEqual(warnings, [
    'wrangler.json: "compatability_date" is unknown and ignored; did you mean compatibility_date?',
    'wrangler.json: "zzz" is unknown and ignored',
    'wrangler.json: not supported yet, the app goes without: "kv_namespaces", "triggers", "limits.subrequests"',
    'wrangler.json: without meaning outside Cloudflare, ignored: "account_id"',
  ])
})

const wrongTypes: [string, RegExp][] = [
  ['{"name": 1}', /^wrangler\.json: "name" must be a text, not 1$/],
  ['{"vars": []}', /^wrangler\.json: "vars" must be a table of names and values, not \[\]$/],
  [
    '{"limits": {"cpu_ms": "50"}}',
    /"limits\.cpu_ms" must be a whole number of milliseconds above 0, not "50"$/,
  ],
  ['{"routes": "a.test/*"}', /"routes" must be a list of patterns such as "example\.com\/api\/\*"/],
  ['{"route": {"zone_name": "a"}}', /"route" must be a pattern/],
  ['{"compatibility_date": "today"}', /"compatibility_date" must be a date as YYYY-MM-DD, not "today"$/],
  [
    '{"rules": [{"type": "Magic", "globs": []}]}',
    /"rules" must be a list of tables with type \(ESModule, Text, Data, CompiledWasm\)/,
  ],
  ['{"minify": "yes"}', /"minify" must be true or false, not "yes"$/],
  ['{"env": {"x": {"name": ""}}}', /"env\.x\.name" must be a text, not ""$/],
  ['[]', /^wrangler\.json must hold one object/],
  ['{"name": "a",\n  "main" }', /^wrangler\.json:2:10 is not JSON: Colon expected$/],
]
for (const [text, message] of wrongTypes) {
  test(`a wrong value names file, key and what is expected: ${text.replace('\n', ' ')}`, async () => {
    await assert.rejects(read({ 'wrangler.json': text }, text.includes('"env"') ? 'x' : undefined), {
      code: 'APP_CONFIG_INVALID',
      message,
    })
  })
}

test('malformed TOML names line and column and shows them', async () => {
  await assert.rejects(read({ 'wrangler.toml': 'name = "a"\nmain = oops\n' }), error => {
    const { code, message, detail } = error as { code: string; message: string; detail: string }
    assert.equal(code, 'APP_CONFIG_INVALID')
    assert.match(message, /^wrangler\.toml:2:\d+ is not TOML: /)
    assert.match(detail, /main = oops/)
    return true
  })
})

test('an environment inherits all but vars and define, and is named after the app', async () => {
  const files = {
    'wrangler.toml': `
name = "a"
main = "index.js"
route = "a.test/*"
[vars]
X = "top"
[env.staging]
routes = ["staging.test/*"]
minify = true
[env.live]
name = "live"
vars = { X = "live" }
`,
  }

  const staging = await read(files, 'staging')
  const live = await read(files, 'live')

  assert.deepEqual(
    [staging.name, staging.main, staging.vars, staging.routes, staging.minify],
    ['a-staging', 'index.js', {}, ['staging.test/*'], true],
  )
  assert.deepEqual(staging.warnings, [
    'wrangler.toml: env.staging does not inherit vars: repeat what it needs there',
  ])
  assert.deepEqual(
    [live.name, { ...live.vars }, live.routes, live.warnings],
    ['live', { X: 'live' }, ['a.test/*'], []],
  )
  await assert.rejects(read(files, 'stagin'), {
    message: /has no environment "stagin"; did you mean staging\?$/,
  })
})
