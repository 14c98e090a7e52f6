import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { type BuildRequest, buildApp } from '../../src/build/build.ts'
import { directoryWith } from '../cli/support.ts'

/** `(module)`: the smallest module. */
const WASM = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])

async function build(
  files: Record<string, string | Uint8Array>,
  { path = '', ...request }: Partial<BuildRequest> = {},
) {
  using directory = await directoryWith(files)
  const built = await buildApp({ bundleBytesMax: 2 ** 20, ...request, path: join(directory.path, path) })
  const modules = built.upload.modules.map(({ name, type, content }) => ({
    name,
    type,
    text: Buffer.from(content).toString(),
  }))
  return { ...built, modules, main: modules[0]!.text, directory: directory.path }
}

const nameAndType = ({ modules }: Awaited<ReturnType<typeof build>>) =>
  modules.map(({ name, type }) => `${name} ${type}`)

test('a TypeScript entry is bundled with its imports; other files stay modules under their own paths', async () => {
  const built = await build({
    'wrangler.toml': 'name = "a"\nmain = "src/index.ts"\n',
    'src/index.ts': `
      import { greet } from './greet'
      import data from './data.json'
      import page from './pages/page.html'
      import wasm from '../fib.wasm?module'
      export default { fetch: (): Response => new Response(greet(data.name) + page + wasm) }`,
    'src/greet.ts': 'export const greet = (name: string): string => "Grüße, " + name',
    'src/data.json': '{"name":"Ada"}',
    'src/pages/page.html': '<p>',
    'fib.wasm': WASM,
  })

  assert.deepEqual(nameAndType(built), [
    'index.js esm',
    'index.js.map sourcemap',
    'fib.wasm wasm',
    'src/pages/page.html text',
  ])
  assert.equal(built.upload.metadata.main_module, 'index.js')
  assert.match(built.main, /from "\.\/src\/pages\/page\.html"/)
  assert.match(built.main, /from "\.\/fib\.wasm"/)
  assert.match(built.main, /Grüße/)
  const map = JSON.parse(built.modules[1]!.text) as { sources: string[]; sourcesContent: string[] }
  assert.deepEqual(map.sources, ['src/greet.ts', 'src/data.json', 'src/index.ts'])
  assert.match(map.sourcesContent[0]!, /name: string/)
})

test('the same files give the same bytes, wherever they lie', async () => {
  const files = {
    'index.js': 'import a from "./a.txt"\nimport w from "./a.wasm"\naddEventListener("fetch", () => a + w)',
    'a.txt': 'a',
    'a.wasm': WASM,
  }

  const [one, two] = [await build(files, { name: 'x' }), await build(files, { name: 'x' })]

  assert.notEqual(one.directory, two.directory)
  assert.deepEqual(one.upload, two.upload)
})

test('a service worker is told by its missing default export and becomes one script', async () => {
  const built = await build({
    'index.js': `
      import text from './a.txt'
      import data from './a.bin'
      import wasm from './a.wasm'
      addEventListener('fetch', () => {})
      globalThis.values = [text, data, wasm]`,
    'a.txt': 'text',
    'a.bin': new Uint8Array([1, 2]),
    'a.wasm': WASM,
  })

  assert.deepEqual(nameAndType(built), ['index.js script', 'index.js.map sourcemap'])
  assert.equal(built.upload.metadata.body_part, 'index.js')
  assert.equal(built.upload.metadata.main_module, undefined)
  const scope = { values: [] as unknown[] }
  new Function('globalThis', 'addEventListener', built.main)(scope, () => {})
  assert.equal(scope.values[0], 'text')
  assert.deepEqual(scope.values[1], new Uint8Array([1, 2]).buffer)
  assert.equal(String(scope.values[2]), '[object WebAssembly.Module]')
})

test('exports without a default are a service worker, with a warning', async () => {
  const { upload, warnings } = await build({
    'index.js': 'export const a = 1; addEventListener("fetch", () => {})',
  })

  assert.equal(upload.metadata.body_part, 'index.js')
  assert.match(warnings.join(), /^index\.js exports a but no default: it is built as a service worker/)
})

test('packages resolve for workers; define, alias and minify are honoured; builtins stay imports', async () => {
  const { main } = await build({
    'wrangler.json': JSON.stringify({
      name: 'a',
      main: 'index.js',
      minify: true,
      define: { STAGE: '"live"' },
      alias: { old: 'pkg' },
    }),
    'index.js': `
      import which from 'old'
      import { AsyncLocalStorage } from 'node:async_hooks'
      import { WorkerEntrypoint } from 'cloudflare:workers'
      export default { which, STAGE, mode: process.env.NODE_ENV, AsyncLocalStorage, WorkerEntrypoint }`,
    'node_modules/pkg/package.json': JSON.stringify({
      name: 'pkg',
      exports: { node: './node.js', workerd: './workerd.js', default: './default.js' },
    }),
    'node_modules/pkg/workerd.js': 'export default "for workerd"',
    'node_modules/pkg/node.js': 'export default "for node"',
    'node_modules/pkg/default.js': 'export default "default"',
  })

  assert.match(main, /"for workerd"/)
  assert.match(main, /"live"/)
  assert.match(main, /"production"/)
  assert.match(main, /from"node:async_hooks"/)
  assert.match(main, /from"cloudflare:workers"/)
  assert.equal(main.trim().split('\n').length, 1)
})

test('no_bundle uploads the entry, what it imports and what configured rules match, unchanged', async () => {
  const entry =
    'import { x } from "./lib/x.js"\nimport t from "./t.txt"\nimport("./" + "dynamic.mjs")\nexport default {}'
  const built = await build(
    {
      'wrangler.toml':
        'name = "a"\nmain = "src/main.js"\nrules = [{ type = "ESModule", globs = ["**/*.mjs"] }]\n',
      'src/main.js': entry,
      'src/lib/x.js': 'export const x = 1',
      'src/t.txt': 't',
      'src/dynamic.mjs': 'export {}',
      'src/unrelated.js': '',
      'src/node_modules/p/p.mjs': '',
    },
    { noBundle: true },
  )

  assert.deepEqual(nameAndType(built), ['main.js esm', 'dynamic.mjs esm', 'lib/x.js esm', 't.txt text'])
  assert.equal(built.main, entry)
  assert.equal(built.upload.metadata.main_module, 'main.js')
})

test('no_bundle uploads even what esbuild cannot read, and says so', async () => {
  const { main, warnings } = await build({ 'index.js': 'export default {' }, { noBundle: true })

  assert.equal(main, 'export default {')
  assert.match(warnings.join(), /^index\.js is uploaded as it is, without what it may import: /)
})

test('a path may be a directory without configuration, an entry file or a wrangler file', async () => {
  const files = {
    'my_App/src/index.ts': 'export default {}',
    'Some Worker.mjs': 'export default {}',
    'conf/wrangler.jsonc': '{ "name": "configured", "main": "../my_App/src/index.ts" }',
  }

  const names = []
  for (const path of ['my_App', 'my_App/src/index.ts', 'Some Worker.mjs', 'conf/wrangler.jsonc'])
    names.push((await build(files, { path })).upload.name)

  assert.deepEqual(names, ['my-app', 'my-app', 'some-worker', 'configured'])
})

const failures: [string, Record<string, string>, string, string, RegExp][] = [
  [
    'nothing at the path',
    {},
    'nope',
    'BUILD_FAILED',
    /^There is no .*nope: give a directory or an entry file$/,
  ],
  [
    'an empty directory',
    {},
    '',
    'BUILD_FAILED',
    /has neither a wrangler\.toml, .* nor an index\.js or index\.ts/,
  ],
  [
    'a file that is no code',
    { 'a.txt': '' },
    'a.txt',
    'BUILD_FAILED',
    /is no entry file: give one that ends in \.js/,
  ],
  [
    'a configuration without entry',
    { 'wrangler.toml': 'name = "a"', 'src/index.ts': '' },
    '',
    'APP_CONFIG_INVALID',
    /^wrangler\.toml names no entry: add main = "src\/index\.ts"$/,
  ],
  [
    'an entry that is not there',
    { 'wrangler.toml': 'main = "indx.js"', 'index.js': '' },
    '',
    'BUILD_FAILED',
    /^wrangler\.toml says main = "indx\.js", but there is no such file; there is index\.js$/,
  ],
  [
    'an import that is not there',
    { 'index.js': 'import x from "./nope.txt"\nexport default x' },
    '',
    'BUILD_FAILED',
    /^The app cannot be built: index\.js:1:15: Could not resolve "\.\/nope\.txt"$/,
  ],
]
for (const [what, files, path, code, message] of failures) {
  test(`${what} is one sentence with the remedy`, async () => {
    await assert.rejects(build(files, { path }), { code, message })
  })
}

test('a bundle above the limit is refused, naming its largest module', async () => {
  const big = {
    'index.js': 'import b from "./b.bin"\nexport default { b }',
    'b.bin': randomBytes(3 * 2 ** 20),
  }

  await assert.rejects(build(big, { name: 'big', bundleBytesMax: 2 ** 20 }), {
    code: 'BUNDLE_TOO_LARGE',
    message: /^The bundle of big has 3\.0 MiB where 1\.0 MiB are allowed: make b\.bin \(3\.0 MiB\) smaller/,
  })
})

test('a file with an odd name, or outside of the project, gets a name from its content', async () => {
  const built = await build(
    {
      'app/index.js': 'import a from "../shared.txt"\nimport b from "./ä b.txt"\nexport default { a, b }',
      'shared.txt': 's',
      'app/ä b.txt': 'b',
    },
    { path: 'app' },
  )

  const names = built.modules.slice(2).map(({ name }) => name)
  assert.deepEqual(names.map(name => name.replace(/^[0-9a-f]{12}-/, '')).sort(), ['__b.txt', 'shared.txt'])
  for (const name of names) assert.ok(built.main.includes(`"./${name}"`))
})
