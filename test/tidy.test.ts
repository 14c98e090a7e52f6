/** The architecture's arrows, by who imports whom, and what no file may hold. ARCHITECTURE.md shows the same. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')

/**
 * For each directory of src: the directories, or files, that it may import besides itself and the shared vocabulary
 * (files directly in src, main.ts excepted). `type`: for their types only.
 */
const ARROWS: Record<string, Record<string, 'value' | 'type'>> = {
  build: {},
  cache: {},
  cli: {
    build: 'value',
    // `serve` starts a platform, `runtime` a runtime process; everything else is HTTP.
    'main.ts': 'value',
    'cache/cache.ts': 'value',
    'runtime/flags.ts': 'value',
    'runtime/prelude.ts': 'value',
    'runtime/settings.ts': 'value',
    'tls/relay.ts': 'value',
  },
  control: {
    'build/upload.ts': 'value',
    'runtime/messages.ts': 'type',
    scheduler: 'type',
    store: 'type',
  },
  logs: {},
  metrics: { 'scheduler/stats.ts': 'type', 'store/store.ts': 'type' },
  proxy: { scheduler: 'value', 'runtime/protocol.ts': 'value', 'sandbox/wire.ts': 'value' },
  runtime: {
    'cache/wire.ts': 'value',
    'sandbox/deferred.ts': 'value',
    'sandbox/wire.ts': 'value',
    'scheduler/exchange.ts': 'type',
    'tls/wire.ts': 'value',
  },
  sandbox: {},
  scheduler: {
    'runtime/client.ts': 'value',
    'runtime/flags.ts': 'value',
    'runtime/messages.ts': 'type',
    'runtime/prelude.ts': 'value',
    'runtime/protocol.ts': 'value',
    'runtime/settings.ts': 'value',
    store: 'type',
  },
  store: {},
  tls: {},
}

/** Where each vendor lives, files or directories; elsewhere not even its types are known. */
const HOMES: Record<string, string[]> = {
  'isolated-vm': ['runtime/isolate.ts'],
  'prom-client': ['metrics'],
  undici: ['runtime'],
  fastify: ['proxy', 'control'],
  '@fastify/multipart': ['control'],
  esbuild: ['build', 'runtime/prelude-bundle.ts'],
  pino: ['logs'],
  'pino-pretty': ['logs'],
  'node:sqlite': ['store'],
  'lru-cache': ['cache', 'scheduler', 'source-map-worker.ts'],
  'web-streams-polyfill': ['sandbox'],
}
/** Who compiles modules has to name the type of what it compiles with. */
const TYPES_ABROAD: Record<string, string[]> = { 'isolated-vm': ['runtime/modules.ts'] }

const LINES_MAX = 400

interface Import {
  /** Relative to src. */
  file: string
  /** Relative to src if it is a file, else the name of a package or of a module of Node's. */
  target: string
  typeOnly: boolean
}

function files(directory: string, wanted: RegExp): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && wanted.test(entry.name))
    .map(entry => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter(file => !file.includes('node_modules'))
    .sort()
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

const STATIC = /^(?:import|export)\s+(type\s)?([^'"`;]*?)\s*from\s+'([^']+)'/gm
const BARE = /^import\s+'([^']+)'/gm
const DYNAMIC = /(typeof )?\b(?:import|require)\(\s*'([^']+)'\s*\)/g

function importsOf(file: string): Import[] {
  const text = read(file)
  const found = [
    ...[...text.matchAll(STATIC)].map(([, type, names, from]) => ({
      from: from!,
      typeOnly: type !== undefined || isTypesOnly(names!),
    })),
    ...[...text.matchAll(BARE)].map(([, from]) => ({ from: from!, typeOnly: false })),
    ...[...text.matchAll(DYNAMIC)].map(([, type, from]) => ({ from: from!, typeOnly: type !== undefined })),
  ]
  return found.map(({ from, typeOnly }) => ({
    file: relative('src', file),
    target: from.startsWith('.') ? relative('src', join(dirname(file), from)) : from,
    typeOnly,
  }))
}

/** `{ type A, type B }`. */
function isTypesOnly(names: string): boolean {
  const inner = /^\{([\s\S]*)\}$/.exec(names)?.[1]
  if (inner === undefined) return false
  return inner.split(',').every(name => name.trim() === '' || name.trim().startsWith('type '))
}

const SOURCES = files('src', /\.(?:ts|mjs)$/)
const IMPORTS = SOURCES.flatMap(importsOf)
const isOurs = ({ target }: Import) => /\.(?:ts|mjs)$/.test(target) && !target.startsWith('..')
const directoryOf = (path: string) => (path.includes('/') ? path.split('/')[0]! : '')
const show = ({ file, target }: Import) => `${file} → ${target}`

test('imports go the way of the arrows', () => {
  const wrong = IMPORTS.filter(isOurs).filter(({ file, target, typeOnly }) => {
    const [from, to] = [directoryOf(file), directoryOf(target)]
    if (from === to || file === 'main.ts') return false
    if (from === '') return !typeOnly
    if (to === '' && target !== 'main.ts') return false
    const allowed = ARROWS[from]?.[target] ?? ARROWS[from]?.[to]
    return allowed === undefined || (allowed === 'type' && !typeOnly)
  })

  assert.deepEqual(wrong.map(show), [])
})

test('every arrow is used, and every directory has its arrows', () => {
  const isUsed = (from: string, to: string) =>
    IMPORTS.some(
      ({ file, target }) => directoryOf(file) === from && (target === to || directoryOf(target) === to),
    )
  const arrows = Object.entries(ARROWS).flatMap(([from, targets]) =>
    Object.keys(targets).map(to => [from, to] as const),
  )
  const directories = new Set(SOURCES.map(file => directoryOf(relative('src', file))).filter(Boolean))

  assert.deepEqual(
    arrows.filter(([from, to]) => !isUsed(from, to)),
    [],
  )
  assert.deepEqual(Object.keys(ARROWS), [...directories].sort())
})

test('only the composition root knows metrics and logs, and only `serve` knows it', () => {
  const usersOf = (directory: string) =>
    IMPORTS.filter(
      ({ file, target }) => directoryOf(target) === directory && directoryOf(file) !== directory,
    ).map(({ file }) => file)
  const starters = IMPORTS.filter(({ target }) => target === 'main.ts').map(({ file }) => file)

  assert.deepEqual(new Set([...usersOf('metrics'), ...usersOf('logs')]), new Set(['main.ts']))
  assert.deepEqual(starters, ['cli/serve.ts'])
})

test('every vendor has one home', () => {
  const strays = IMPORTS.filter(({ file, target, typeOnly }) => {
    const vendor = Object.keys(HOMES).find(name => target === name || target.startsWith(`${name}/`))
    if (vendor === undefined) return false
    const isIn = (homes: string[]) => homes.some(home => file === home || file.startsWith(`${home}/`))
    return !isIn(HOMES[vendor]!) && !(typeOnly && isIn(TYPES_ABROAD[vendor] ?? []))
  })

  assert.deepEqual(strays.map(show), [])
})

test('the sandbox knows nothing of Node', () => {
  const strays = IMPORTS.filter(
    ({ file, target }) => file.startsWith('sandbox/') && target.startsWith('node:'),
  )

  assert.deepEqual(strays.map(show), [])
})

test('nobody reads the environment: the command line hands it to config.ts whole', () => {
  const handedOver = /\benv: process\.env\b/g
  const readers = SOURCES.filter(file =>
    /\bprocess\.env\b/.test(withoutTexts(read(file)).replaceAll(handedOver, '')),
  )
  const givers = SOURCES.filter(file => read(file).search(handedOver) >= 0)

  assert.deepEqual(readers, [])
  assert.deepEqual(givers, ['src/cli/main.ts'])
})

/** Without comments and quoted texts. */
function withoutTexts(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'/g, '')
}

const CODE = ['src', 'test', 'bench', 'dashboards'].flatMap(directory => files(directory, /\.(?:ts|mjs)$/))

test(`no file has more than ${LINES_MAX} lines`, () => {
  const long = CODE.map(file => ({ file, lines: read(file).split('\n').length - 1 })).filter(
    ({ lines }) => lines > LINES_MAX,
  )

  assert.deepEqual(long, [])
})

test('every file of src says at its head what it is for', () => {
  const silent = SOURCES.filter(file => !/^(?:#!.*\n)?(?:\/\*\*|\/\/) ?/.test(read(file)))

  assert.deepEqual(
    silent.filter(file => !file.endsWith('.d.ts')),
    [],
  )
})

// V8 takes a script whose outermost function loops for one worth compiling, and does so anew in every isolate.
test('no module of the sandbox loops outside of functions', () => {
  const looping = SOURCES.filter(
    file => file.startsWith('src/sandbox/') && /^(?:for|while|do)\b/m.test(read(file)),
  )

  assert.deepEqual(looping, [])
})

test('no file is named for being a bag of things', () => {
  const bags = CODE.filter(file => /(?:^|\/)(?:utils?|helpers?|types|index|common|misc)\.ts$/.test(file))

  assert.deepEqual(bags, [])
})

const FORBIDDEN: Record<string, RegExp> = {
  'work left undone': /\b(?:TODO|FIXME|XXX|HACK)\b/,
  'a test that silences the others': /\.only\(|\bonly: true/,
  'a test skipped without a reason': /\.skip\(\s*\)|\.todo\(|\b(?:skip|todo): true/,
  'a path of one machine': /(?<![\w.])\/(?:work|root|home|Users)\/\w/,
}

test('no file holds what is of no use to its next reader', () => {
  const texts = ['docs', 'apps', 'alerts', 'deploy', 'bench'].flatMap(directory =>
    files(directory, /\.(?:md|yml|json|jsonc|toml|html|js|ts)$/),
  )
  const top = readdirSync(ROOT).filter(name => /\.(?:md|yml)$|^Dockerfile$/.test(name))
  const self = relative(ROOT, import.meta.filename)
  const found = [...new Set([...CODE, ...texts, ...top])]
    .filter(file => file !== self)
    .flatMap(file =>
      Object.entries(FORBIDDEN)
        .filter(([, pattern]) => pattern.test(read(file)))
        .map(([what]) => `${file}: ${what}`),
    )

  assert.deepEqual(found, [])
})
