import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildApp } from '../../src/build/build.ts'
import { withEsbuild } from '../../src/build/esbuild.ts'
import { OUTCOMES } from '../../src/outcome.ts'

const APPS = fileURLToPath(new URL('../../apps/', import.meta.url))
const HOSTILE = `${APPS}hostile/`
const bundleBytesMax = 2 ** 20

const examples = readdirSync(APPS, { withFileTypes: true })
  .filter(entry => entry.isDirectory() && entry.name !== 'hostile')
  .map(({ name }) => name)

for (const name of examples) {
  test(`the example ${name} is built without a warning, under its directory's name, and says how to call it`, async () => {
    const { upload, warnings } = await buildApp({ path: APPS + name, bundleBytesMax })
    const map = upload.modules.find(({ type }) => type === 'sourcemap')!
    const { sourcesContent } = JSON.parse(Buffer.from(map.content).toString()) as {
      sourcesContent: (string | null)[]
    }

    assert.deepEqual(warnings, [])
    assert.equal(upload.name, name)
    const entry = sourcesContent.find(text => text?.includes(`${name}.localhost:3080`)) ?? ''
    assert.match(entry, /^\/\/ [\s\S]*\n\/\/ {3}curl /)
  })
}

test('each attack says what it tries and which outcome is right', () => {
  for (const file of readdirSync(HOSTILE)) {
    const [title, expect, ...rest] = readFileSync(HOSTILE + file, 'utf8').split('\n')
    const outcomes = expect!.replace(/^\/\/ expect: /, '').split(' | ')

    assert.match(file, /^[a-z][a-z0-9-]*\.js$/)
    assert.match(title!, /^\/\/ [A-Z].*\.$/, file)
    assert.match(expect!, /^\/\/ expect: ./, file)
    for (const outcome of outcomes)
      assert.ok((OUTCOMES as readonly string[]).includes(outcome), `${file}: ${outcome}`)
    assert.equal(file.startsWith('top-'), outcomes.includes('startupError'), file)
    for (const line of rest.filter(text => /^\/\/ (?:request|read|status):/.test(text)))
      assert.match(line, /^\/\/ (?:request: POST \d+|read: (?:never|\d+ ms)|status: \d{3})$/, file)
  }
})

test('each attack can be deployed: it is code that esbuild reads', async () => {
  await withEsbuild(async () => {
    for (const file of readdirSync(HOSTILE)) {
      const { upload } = await buildApp({ path: HOSTILE + file, bundleBytesMax })
      const isClassic = file === 'double-respond.js'
      assert.equal(upload.metadata[isClassic ? 'body_part' : 'main_module'], 'index.js', file)
    }
  })
})
