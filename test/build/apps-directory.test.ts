import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type DirectoryResult, deployDirectory, watchDirectory } from '../../src/build/apps-directory.ts'
import type { Upload } from '../../src/build/upload.ts'
import { directoryWith } from '../cli/support.ts'

/** Keeps what was deployed, as the platform does: the same upload again changes nothing. */
function platform() {
  const deployed = new Map<string, string>()
  const results: DirectoryResult[] = []
  let next = Promise.withResolvers<void>()
  return {
    results,
    /** Resolves at the next report. */
    reported: () => next.promise,
    options: {
      bundleBytesMax: 2 ** 20,
      async deploy(upload: Upload) {
        const text = JSON.stringify(upload)
        if (deployed.get(upload.name) === text) return 'unchanged' as const
        deployed.set(upload.name, text)
        return 'deployed' as const
      },
      report(result: DirectoryResult) {
        results.push(result)
        next.resolve()
        next = Promise.withResolvers()
      },
    },
  }
}

const summary = (results: DirectoryResult[]) =>
  results.map(({ entry, status }) => `${entry} ${status}`).sort()

test('each sub-directory and entry file is deployed once; attacks, notes and hidden files are not', async () => {
  using apps = await directoryWith({
    'one/index.js': 'export default {}',
    'two.ts': 'export default {} as object',
    'hostile/loop.js': 'for (;;) {}',
    'README.md': '',
    '.hidden/index.js': '',
  })
  const first = platform()

  await deployDirectory(apps.path, first.options)
  await deployDirectory(apps.path, first.options)

  assert.deepEqual(summary(first.results.slice(0, 2)), ['one deployed', 'two.ts deployed'])
  assert.deepEqual(summary(first.results.slice(2)), ['one unchanged', 'two.ts unchanged'])
})

test('an app that fails is reported and stops no other', async () => {
  using apps = await directoryWith({
    'broken.js': 'export default {',
    'empty/notes.txt': '',
    'fine.js': 'export default {}',
  })
  const { results, options } = platform()

  await deployDirectory(apps.path, options)

  assert.deepEqual(summary(results), ['broken.js failed', 'empty failed', 'fine.js deployed'])
})

test('a directory that is not there is refused, unless nobody asked for it', async () => {
  const { options, results } = platform()

  await assert.rejects(deployDirectory('/nonexistent/apps', options), {
    code: 'CONFIG_INVALID',
    message: /^Cannot read the apps in \/nonexistent\/apps \(ENOENT\): correct --apps/,
  })
  assert.deepEqual(results, [])
})

test('a change redeploys its app and no other; a mistake is reported and its correction deployed', async () => {
  using apps = await directoryWith({ 'one/index.js': 'export default {}', 'two.js': 'export default {}' })
  const { results, options, reported } = platform()
  await deployDirectory(apps.path, options)
  results.length = 0
  await using _watching = watchDirectory(apps.path, options)

  let next = reported()
  await writeFile(join(apps.path, 'one/index.js'), 'export default {')
  await next
  next = reported()
  await writeFile(join(apps.path, 'one/index.js'), 'export default { changed: true }')
  await next

  assert.deepEqual(
    results.map(({ entry, status }) => `${entry} ${status}`),
    ['one failed', 'one deployed'],
  )
})
