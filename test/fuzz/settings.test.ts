/** What operators and developers write: wrangler files and the platform's own settings. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { readWrangler } from '../../src/build/wrangler.ts'
import { loadConfig, OPTIONS, parseAddress, variableOf } from '../../src/config.ts'
import { type ErrorCode, VitrineError } from '../../src/errors.ts'
import { anyJson, holds, textOf } from './property.ts'
import { SETTINGS_FILES, WRANGLER_FILES } from './regressions.ts'

const directory = mkdtempSync(join(tmpdir(), 'vitrine-fuzz-'))
after(() => rmSync(directory, { recursive: true }))

const KEYS = [
  ...[
    'name',
    'main',
    'compatibility_date',
    'compatibility_flags',
    'vars',
    'limits',
    'route',
    'routes',
    'rules',
    'define',
  ],
  ...[
    'alias',
    'minify',
    'env',
    'triggers',
    'kv_namespaces',
    '__proto__',
    'constructor',
    'toString',
    'cpu_ms',
    'pattern',
  ],
]

const values = fc.oneof(
  anyJson,
  fc.constantFrom<unknown>(
    'a',
    '2026-01-31',
    ['a/*'],
    [{ pattern: 'a/*', custom_domain: true }],
    { cpu_ms: 5 },
    { x: {} },
  ),
  fc.constantFrom<unknown>(
    [{ type: 'Text', globs: ['*'] }],
    [{ type: 'constructor', globs: [] }],
    true,
    Number.MAX_VALUE,
  ),
)
const objects = fc
  .array(fc.tuple(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...KEYS) }, fc.string()), values), {
    maxLength: 6,
  })
  .map(entries => JSON.stringify(Object.fromEntries(entries)))
const tomlTexts = textOf(
  [
    ...KEYS,
    ' = ',
    '\n',
    '[',
    ']',
    '[[',
    ']]',
    '.',
    '"',
    "'",
    '"""',
    '{',
    '}',
    ',',
    '1',
    '-0',
    'inf',
    'nan',
    'true',
    '#',
    '1979-05-27',
    'T07:32:00',
    '07:32:00',
    'Z',
    '0x1',
    '\\u0000',
    '\ufeff',
  ],
  30,
)
const files: fc.Arbitrary<[string, string]> = fc.oneof(
  fc.tuple(
    fc.constantFrom('wrangler.json', 'wrangler.jsonc'),
    fc.oneof(
      objects,
      textOf([...KEYS, '{', '}', '[', ']', '"', ':', ',', '//', '/*', '*/', '1', 'null', '\\', '\n'], 20),
    ),
  ),
  fc.tuple(fc.constant('wrangler.toml'), tomlTexts),
)

test('a wrangler file is read into what its types say, or refused by its name, in no time', async () => {
  const examples = WRANGLER_FILES.map((file): [[string, string], undefined] => [file, undefined])
  await holds(
    fc.tuple(files, fc.constantFrom<(string | undefined)[]>(undefined, 'x', '__proto__')),
    { runs: 1000, examples },
    ([[name, text], env]) => {
      const path = join(directory, name)
      writeFileSync(path, text)
      const began = performance.now()
      const config = refusedAs('APP_CONFIG_INVALID', name, () => readWrangler(path, env))
      assert.ok(performance.now() - began < 1000)
      if (!config) return

      for (const field of [config.name, config.main, config.tsconfig, config.jsxFactory, config.baseDir]) {
        assert.ok(field === undefined || typeof field === 'string')
      }
      assert.match(config.compatibilityDate ?? '2026-01-31', /^\d{4}-\d\d-\d\d$/)
      for (const list of [config.compatibilityFlags, config.routes, config.warnings]) {
        assert.ok(list.every(item => typeof item === 'string'))
      }
      for (const limit of Object.values(config.limits))
        assert.ok(limit === undefined || Number.isInteger(limit))
      for (const table of [config.define, config.alias]) {
        assert.ok(Object.values(table).every(item => typeof item === 'string'))
      }
      for (const flag of [config.minify, config.keepNames, config.noBundle])
        assert.equal(typeof flag, 'boolean')
      assert.ok(config.rules.every(rule => rule.globs.every(glob => typeof glob === 'string')))
    },
  )
})

test('settings are within their bounds, or refused by the name of where they stand', async () => {
  const names = Object.keys(OPTIONS) as (keyof typeof OPTIONS)[]
  const setting = fc.oneof(
    fc.constantFrom<unknown>(
      '1',
      '0',
      '-1',
      '1.5',
      '1e3',
      '0x10',
      ' 7 ',
      '',
      'true',
      'NaN',
      'Infinity',
      '127.0.0.1:0',
      '[::1]:80',
      ':',
      'a:99999',
    ),
    anyJson,
  )
  const input = fc.record(
    {
      file: fc.oneof(
        fc
          .array(
            fc.tuple(
              fc.oneof(
                { weight: 9, arbitrary: fc.constantFrom<string>(...names) },
                fc.constantFrom('__proto__', 'cpums', 'x'.repeat(10_000)),
              ),
              setting,
            ),
            { maxLength: 3 },
          )
          .map(entries => JSON.stringify(Object.fromEntries(entries))),
        textOf(['{', '}', '"cpuMs"', ':', '1', '[', ']', ','], 8),
      ),
      env: fc
        .array(
          fc.tuple(
            fc.constantFrom(...names.map(variableOf), 'VITRINE_X', 'PATH'),
            setting.map(value => (typeof value === 'string' ? value : JSON.stringify(value))),
          ),
          { maxLength: 2 },
        )
        .map(entries => Object.fromEntries(entries)),
    },
    { noNullPrototype: true },
  )
  await holds(
    input,
    { runs: 2000, examples: SETTINGS_FILES.map(file => ({ file, env: {} })) },
    ({ file: text, env }) => {
      const file = join(directory, 'vitrine.json')
      writeFileSync(file, text)
      const config = refusedAs('CONFIG_INVALID', '', () => loadConfig({ env, file }))
      if (!config) return
      for (const name of names) {
        const option: { kind: string; min?: number; max?: number } = OPTIONS[name]
        const value: unknown = config[name]
        if (option.kind !== 'integer' && option.kind !== 'number') continue
        assert.ok(typeof value === 'number' && value >= option.min! && value <= option.max!, name)
        assert.ok(option.kind === 'number' || Number.isInteger(value), name)
      }
    },
  )
})

test('an address is read or refused, and one that was read is read again', async () => {
  await holds(
    textOf(['127.0.0.1', ':', '80', '[', '::1', ']', '0', '65536', 'a', '@', '%'], 6),
    { runs: 2000 },
    text => {
      const address = parseAddress(text)
      if (!address) return
      assert.ok(address.port >= 0 && address.port <= 65_535)
      const host = address.host.includes(':') ? `[${address.host}]` : address.host
      assert.deepEqual(parseAddress(`${host}:${address.port}`), address)
    },
  )
})

/** Null if it was refused as it should be. */
function refusedAs<T>(code: ErrorCode, named: string, read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    assert.ok(error instanceof VitrineError && error.code === code, String((error as Error).stack))
    assert.ok(error.message.includes(named) && !error.message.includes('\n'), error.message)
    return null
  }
}
