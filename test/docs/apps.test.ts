import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import ivm from 'isolated-vm'
import { readWrangler } from '../../src/build/wrangler.ts'
import { loadPrelude } from '../../src/runtime/prelude.ts'
import { directoryWith } from '../cli/support.ts'
import { readDocument, tableRows } from './markdown.ts'

const document = readDocument('docs/apps.md')

function section(heading: string): string {
  return document.split(/^## /m).find(text => text.startsWith(heading))!
}

/** The names in code spans; of `crypto.subtle.digest`, `crypto`. */
function globalsIn(text: string): string[] {
  return [...text.matchAll(/`([A-Za-z]+)[^`]*`/g)].map(([, name]) => name!)
}

test('docs/apps.md names the globals that apps have beyond the language’s own, and no others', async () => {
  const [present, absent] = section('Web APIs').split('Not there yet:') as [string, string]
  const { main } = await loadPrelude()
  const isolate = new ivm.Isolate({ memoryLimit: 64 })
  const context = await isolate.createContext()
  const namesOf = () => context.eval('Object.getOwnPropertyNames(globalThis)', { copy: true })
  const before = new Set((await namesOf()) as string[])
  await context.eval(`(function () { ${main} })()`)
  const after = (await namesOf()) as string[]
  isolate.dispose()

  const documented = new Set(globalsIn(present))
  const missing = globalsIn(absent.split('`node:*`')[0]!).filter(
    name => name !== 'crypto' && name !== 'digest',
  )
  assert.deepEqual(
    after.filter(name => !before.has(name) && !documented.has(name)),
    [],
  )
  assert.deepEqual(
    [...documented].filter(name => !after.includes(name)),
    [],
  )
  assert.deepEqual(
    missing.filter(name => after.includes(name)),
    [],
  )
})

test('docs/apps.md says of each key of a wrangler file what becomes of it', async () => {
  const rows = tableRows(section('The wrangler file'))
  assert.equal(rows.length, 5)
  for (const [keys, does] of rows) {
    for (const [, key] of keys!.matchAll(/`([\w.]+)`/g)) {
      assert.match(await becomes(key!), whatBecomesOf(does!), `of ${key}`)
    }
  }
})

function whatBecomesOf(says: string): RegExp {
  if (says.startsWith('not supported yet')) return /not supported yet, the app goes without: "/
  if (says.startsWith('have no meaning')) return /without meaning outside Cloudflare, ignored: "/
  return /^wrangler\.json: "[\w.]+" must be /
}

/** What is said of a key whose value, 0, is one that no key takes. */
async function becomes(key: string): Promise<string> {
  const [first, second] = key.split('.') as [string, string?]
  const value = second === undefined ? 0 : { [second]: 0 }
  using directory = await directoryWith({ 'wrangler.json': JSON.stringify({ [first]: value }) })
  try {
    return readWrangler(join(directory.path, 'wrangler.json')).warnings.join('\n')
  } catch (error) {
    return (error as Error).message
  }
}
