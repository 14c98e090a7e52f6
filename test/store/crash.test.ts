import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { bundleHash } from '../../src/bundle.ts'
import { openStore } from '../../src/store/open.ts'
import { type Store, VERSIONS_KEPT } from '../../src/store/store.ts'
import type { Acknowledged } from './endless-writer.ts'

const KILLS = 20
const WRITER = new URL('./endless-writer.ts', import.meta.url).pathname

test(`after each of ${KILLS} kills in the middle of deploys, what was acknowledged is there and nothing is half there`, async (t: TestContext) => {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-crash-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'state.db')
  const url = `sqlite:${file}`
  let acknowledgedMin = Infinity

  for (let kill = 0; kill < KILLS; kill++) {
    // Each time it dies at another acknowledgement, and a little later each time: in another step of a write.
    const acknowledged = await writeUntilKilled(url, {
      round: kill,
      changes: 1 + 2 * kill,
      delayMs: kill % 7,
    })

    await using store = await openStore(url)
    await checkVersions(t, store, 'small', acknowledged)
    await checkVersions(t, store, 'large', acknowledged)
    for (const change of acknowledged) {
      if ('key' in change)
        t.assert.equal((await store.kvGet('n', change.key))?.value.toString(), change.value)
      else
        t.assert.deepEqual(await store.routesFor(change.route.slice(0, -2)), [
          { pattern: change.route, app: change.app },
        ])
    }
    acknowledgedMin = Math.min(acknowledgedMin, acknowledged.length)
  }

  t.assert.ok(acknowledgedMin >= 1)
  const database = new DatabaseSync(file)
  t.assert.equal(database.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok')
  t.assert.equal(
    database
      .prepare('SELECT count(*) AS n FROM bundles WHERE hash NOT IN (SELECT bundle FROM versions)')
      .get()?.n,
    0,
  )
  t.assert.equal(
    database.prepare('SELECT count(*) AS n FROM chunks WHERE hash NOT IN (SELECT hash FROM bundles)').get()
      ?.n,
    0,
  )
  database.close()
})

/** Kills the writer some time after that many changes; resolves to all that it had acknowledged. */
async function writeUntilKilled(
  url: string,
  { round, changes, delayMs }: { round: number; changes: number; delayMs: number },
): Promise<Acknowledged[]> {
  const writer = spawn(process.execPath, [WRITER, url, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const acknowledged: Acknowledged[] = []
  for await (const line of createInterface({ input: writer.stdout })) {
    acknowledged.push(JSON.parse(line) as Acknowledged)
    if (acknowledged.length === changes) setTimeout(() => writer.kill('SIGKILL'), delayMs)
  }
  return acknowledged
}

/** The newest acknowledged versions are there, numbers have no gaps, and each version has its whole bundle. */
async function checkVersions(t: TestContext, store: Store, app: string, acknowledged: Acknowledged[]) {
  const versions = await store.versions(app)
  const byNumber = new Map(versions.map(version => [version.number, version]))
  const newest = versions[0]?.number ?? 0
  for (const change of acknowledged) {
    if ('key' in change || change.app !== app) continue
    t.assert.ok(change.number <= newest, `${app} ${change.number} was acknowledged, ${newest} is the newest`)
    if (change.number < newest - VERSIONS_KEPT) continue
    t.assert.equal(byNumber.get(change.number)?.bundleHash, change.hash)
    t.assert.equal(byNumber.get(change.number)?.bundleBytes, change.bytes)
  }
  t.assert.deepEqual(
    versions.map(version => version.number),
    Array.from({ length: Math.min(newest, VERSIONS_KEPT + 1) }, (_, i) => newest - i),
  )
  if (newest > 0) t.assert.equal((await store.app(app))?.version.number, newest)
  for (const version of versions) {
    const bundle = await store.bundle(version.bundleHash)
    t.assert.equal(bundle && bundleHash(bundle), version.bundleHash)
  }
}
