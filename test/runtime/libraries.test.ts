/** What a runtime process loads when an app first needs it, and the cache of compiled code. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

/** A process as a runtime is: it caches what it has loaded at its start, and loads the rest later. */
const SCRIPT = `
  import { flushCompileCache } from 'node:module'
  import { cacheLibraries, loadLibraries } from ${JSON.stringify(new URL('../../src/runtime/libraries.ts', import.meta.url))}
  const has = name => process.moduleLoadList.some(module => module.includes(name))
  await cacheLibraries()
  flushCompileCache()
  const atStart = has('http2')
  await loadLibraries()
  console.log(JSON.stringify({ atStart, later: has('http2'), strippedTypes: has('amaro') }))
`

test('only the first process with a new cache loads all at its start; no later one strips types', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-test-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const run = async () => {
    const args = ['--no-node-snapshot', '--input-type=module', '--eval', SCRIPT]
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { NODE_COMPILE_CACHE: directory },
    })
    return JSON.parse(stdout)
  }

  t.assert.deepEqual(await run(), { atStart: true, later: true, strippedTypes: true })
  t.assert.deepEqual(await run(), { atStart: false, later: true, strippedTypes: false })
})
