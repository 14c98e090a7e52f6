import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, type TestContext, test } from 'node:test'
import { packBundle } from '../../src/bundle.ts'
import { storeChannel } from '../../src/channels.ts'
import { openStore } from '../../src/store/open.ts'
import { READS } from '../../src/store/sqlite.ts'
import { openDatabase } from '../../src/store/sqlite-database.ts'
import { kvContract } from '../contract/kv.ts'
import { deployment, type StoreUnderTest, storeContract } from '../contract/store.ts'
import { garbageCollector } from '../support/garbage.ts'
import { until } from '../support/platform.ts'

const STORES: StoreUnderTest[] = [
  {
    name: 'SQLite in a file',
    open: (t, now) => openStore(`sqlite:${join(directory(t), 'state.db')}`, { now }),
  },
  { name: 'SQLite in memory', open: (_t, now) => openStore('sqlite::memory:', { now }) },
]
for (const store of STORES) {
  storeContract(store)
  kvContract(store)
}

suite('a database file', () => {
  test('keeps everything from one opening to the next, in one file', async (t: TestContext) => {
    const file = join(directory(t), 'new', 'state.db')
    {
      await using store = await openStore(`sqlite:${file}`)
      await store.deploy(deployment('a', { routes: ['a.test/*'] }))
    }
    t.assert.deepEqual(readdirSync(join(file, '..')), ['state.db'])

    await using store = await openStore(`sqlite:${file}`)

    t.assert.equal((await store.app('a'))?.version.number, 1)
    t.assert.equal((await store.routesFor('a.test')).length, 1)
  })

  test('may be used by two processes: each sees what the other has done', async (t: TestContext) => {
    const url = `sqlite:${join(directory(t), 'state.db')}`
    await using one = await openStore(url)
    await using other = await openStore(url)

    await Promise.all([one.deploy(deployment('a')), other.deploy(deployment('b'))])

    t.assert.deepEqual(
      (await one.apps()).map(app => app.name),
      ['a', 'b'],
    )
    t.assert.equal(await one.generation(), await other.generation())
  })

  test('takes no memory for bundles that it has written', async (t: TestContext) => {
    const collect = garbageCollector()
    await using store = await openStore(`sqlite:${join(directory(t), 'state.db')}`)
    const keptMb = () => {
      collect()
      return process.memoryUsage().arrayBuffers / 2 ** 20
    }
    const before = keptMb()

    for (let i = 0; i < 8; i++) await store.deploy(deployment('a', { bundle: Buffer.alloc(4 * 2 ** 20, i) }))

    await until(() => keptMb() - before < 5)
    t.assert.equal((await store.app('a'))?.version.number, 8)
  })

  test('that a newer Vitrine wrote is refused and left as it is', async (t: TestContext) => {
    const file = join(directory(t), 'state.db')
    await (await openStore(`sqlite:${file}`))[Symbol.asyncDispose]()
    const database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 99')
    database.close()

    await refused(
      t,
      file,
      /was written by a newer Vitrine \(schema 99, this one knows \d+\): upgrade Vitrine/,
    )
  })

  test('of another program is refused and left as it is', async (t: TestContext) => {
    const file = join(directory(t), 'other.db')
    const database = new DatabaseSync(file)
    database.exec('CREATE TABLE theirs (a)')
    database.close()

    await refused(t, file, /belongs to another program: name another file with --store/)
  })

  for (const [title, bytes] of [
    ['of some other kind', Buffer.alloc(10_000, 'no database ')],
    ['of a few bytes', Buffer.from('hello')],
  ] as const) {
    test(`${title} is refused and left as it is`, async (t: TestContext) => {
      const file = join(directory(t), 'notes.txt')
      writeFileSync(file, bytes)

      await refused(t, file, /is no SQLite database: it was left as it is; name another file with --store/)
    })
  }

  test('that was cut off is refused and left as it is', async (t: TestContext) => {
    const file = await filled(t)
    truncateSync(file, 8192)

    await refused(t, file, /is damaged: it was left as it is; restore it from a backup/)
  })

  test('whose schema is damaged is refused and left as it is', async (t: TestContext) => {
    const file = await filled(t)
    const bytes = readFileSync(file)
    bytes.fill(0xff, 100, 4096)
    writeFileSync(file, bytes)

    await refused(t, file, /is damaged: it was left as it is; restore it from a backup/)
  })

  test('that is damaged where only later reads come fails them in one sentence', async (t: TestContext) => {
    const file = await filled(t)
    const bytes = readFileSync(file)
    bytes.fill(0xff, 4096)
    writeFileSync(file, bytes)

    await using store = await openStore(`sqlite:${file}`)

    await t.assert.rejects(store.apps(), { code: 'STORE_UNUSABLE', message: /is damaged/ })
  })
})

suite('a place for a database', () => {
  test('whose parent does not exist is refused', async (t: TestContext) => {
    const file = join(directory(t), 'no', 'such', 'state.db')
    await t.assert.rejects(openStore(`sqlite:${file}`), {
      code: 'STORE_UNUSABLE',
      message: /the directory above \S+such does not exist; create it or name another file with --store/,
    })
  })

  test('that is a directory is refused', async (t: TestContext) => {
    const file = join(directory(t), 'state.db')
    mkdirSync(file)
    await t.assert.rejects(openStore(`sqlite:${file}`), {
      code: 'STORE_UNUSABLE',
      message: /it must be a file/,
    })
  })

  test('below a file is refused', async (t: TestContext) => {
    const parent = join(directory(t), 'file')
    writeFileSync(parent, '')
    await t.assert.rejects(openStore(`sqlite:${join(parent, 'state.db')}`), {
      code: 'STORE_UNUSABLE',
      message: /is no directory/,
    })
  })

  test('that may not be written is refused', async (t: TestContext) => {
    await t.assert.rejects(openStore('sqlite:/proc/vitrine.db'), {
      code: 'STORE_UNUSABLE',
      message: /^The database \/proc\/vitrine\.db .*(?:own|another file)/,
    })
  })

  test('that fills up refuses changes, keeps what it has, and goes on when there is room again', async (t: TestContext) => {
    const disk = smallDisk(t)
    if (!disk) return t.skip('a small disk can be mounted only as root')
    const file = join(disk, 'state.db')
    await using store = await openStore(`sqlite:${file}`)
    await store.deploy(deployment('a'))
    const bundle = Buffer.alloc(2 ** 20, 1)
    execFileSync('sh', ['-c', `cat /dev/zero > ${join(disk, 'filler')} 2>/dev/null || true`])

    await t.assert.rejects(store.deploy(deployment('b', { bundle })), {
      code: 'STORE_UNAVAILABLE',
      message: `The database ${file} does not fit on its disk, which is full: free some space`,
    })
    t.assert.deepEqual(
      (await store.apps()).map(app => app.name),
      ['a'],
    )

    rmSync(join(disk, 'filler'))
    await store.deploy(deployment('b', { bundle }))
  })

  test('that has no room for one change still has it for those made at the same time', async (t: TestContext) => {
    const disk = smallDisk(t)
    if (!disk) return t.skip('a small disk can be mounted only as root')
    await using store = await openStore(`sqlite:${join(disk, 'state.db')}`)

    const [large, small] = await Promise.allSettled([
      store.deploy(deployment('a', { bundle: Buffer.alloc(8 * 2 ** 20) })),
      store.deploy(deployment('b')),
    ])

    t.assert.deepEqual([large.status, small.status], ['rejected', 'fulfilled'])
    t.assert.deepEqual(
      (await store.apps()).map(app => app.name),
      ['b'],
    )
    t.assert.equal(await store.appCount(), 1)
  })
})

test('an older database is brought up to date once, however many open it', async (t: TestContext) => {
  const file = join(directory(t), 'state.db')
  new DatabaseSync(file).close()

  const stores = await Promise.all([openStore(`sqlite:${file}`), openStore(`sqlite:${file}`)])

  for (const store of stores) {
    t.assert.equal(await store.generation(), 0)
    await store[Symbol.asyncDispose]()
  }
})

test('a store whose writing is blocked by another process says so, and reads go on', async (t: TestContext) => {
  const file = join(directory(t), 'state.db')
  await using store = await openStore(`sqlite:${file}`, { lockWaitMs: 50 })
  await store.deploy(deployment('a'))
  const other = new DatabaseSync(file)
  other.exec('BEGIN IMMEDIATE')

  const blocked = store.deploy(deployment('b'))
  t.assert.ok(await store.app('a'))

  await t.assert.rejects(blocked, { code: 'STORE_UNAVAILABLE', message: /is locked by another process/ })
  other.exec('ROLLBACK')
  other.close()
  await store.deploy(deployment('b'))
})

test('more writes than may wait are refused', async (t: TestContext) => {
  await using store = await openStore(`sqlite:${join(directory(t), 'state.db')}`, { writesMax: 2 })
  const put = (key: string) => store.kvPut('n', key, { value: Buffer.from('v') })

  const results = await Promise.allSettled([put('a'), put('b'), put('c')])

  t.assert.deepEqual(
    results.map(result => result.status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  await put('c')
})

test('a closed store finishes the writes it has taken and refuses the rest', async (t: TestContext) => {
  const url = `sqlite:${join(directory(t), 'state.db')}`
  const store = await openStore(url)
  const last = store.kvPut('n', 'k', { value: Buffer.from('v') })
  await store[Symbol.asyncDispose]()
  await last

  await t.assert.rejects(store.app('a'), { code: 'STORE_UNAVAILABLE', message: /is closed/ })
  await t.assert.rejects(store.deploy(deployment('b')), { code: 'STORE_UNAVAILABLE', message: /is closed/ })
  await using again = await openStore(url)
  t.assert.ok(await again.kvGet('n', 'k'))
})

test('each operation is told to the channel, a refusal as an answer', async (t: TestContext) => {
  const seen: string[] = []
  const listener = ({ operation, result }: { operation: string; result: string }) =>
    void seen.push(`${operation} ${result}`)
  storeChannel.subscribe(listener)
  t.after(() => storeChannel.unsubscribe(listener))
  const store = await openStore('sqlite::memory:')

  await store.deploy(deployment('a'))
  await store.activate('a', 'nonsense').catch(() => {})
  await store[Symbol.asyncDispose]()
  await store.app('a').catch(() => {})

  t.assert.deepEqual(seen, ['deploy ok', 'activate ok', 'app error'])
})

test('no read looks through a table: with a hundred thousand apps each takes as long as with ten', (t: TestContext) => {
  const database = openDatabase(':memory:')
  t.after(() => database.close())

  for (const [name, sql] of Object.entries(READS)) {
    const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
    const plan = steps.map(step => String(step.detail)).join('; ')
    // The table `state` has one row; json_each holds the few patterns that were asked for.
    t.assert.doesNotMatch(plan, /SCAN (?!state|json_each)|TEMP B-TREE/, `${name}: ${plan}`)
  }
})

test('a bundle of 25 MiB is packed, written and read without holding up the event loop', async (t: TestContext) => {
  await using store = await openStore(`sqlite:${join(directory(t), 'state.db')}`)
  await store.deploy(deployment('warm'))
  const longest: number[] = []
  // What holds the loop up does so each time; a collection or a slow moment of the machine does not.
  for (const fill of 'xyz') {
    const content = Buffer.alloc(25 * 2 ** 20, fill)
    const turnMs = longestTurnMs()
    const bundle = await packBundle([{ name: 'index.js', type: 'esm', pieces: [content] }])
    const { bundleHash } = await store.deploy(deployment(`large-${fill}`, { bundle }))
    await store.bundle(bundleHash)
    longest.push(turnMs())
  }

  t.assert.ok(Math.min(...longest) < 20, `the longest turns took ${longest} ms`)
})

/** Watches the event loop until it is asked: CPU time of this thread, so that other work on the machine does not count. */
function longestTurnMs(): () => number {
  let longestMs = 0
  let last = process.threadCpuUsage()
  let watching = true
  const watch = () => {
    const { user, system } = process.threadCpuUsage(last)
    last = process.threadCpuUsage()
    longestMs = Math.max(longestMs, (user + system) / 1000)
    if (watching) setImmediate(watch)
  }
  watch()
  return () => {
    watching = false
    return longestMs
  }
}

test('URLs that are no store are refused, saying which are understood and without a password', async (t: TestContext) => {
  for (const url of ['mysql://root:secret@host/db', 'state.db', 'sqlite:', '']) {
    await t.assert.rejects(openStore(url), (error: Error & { code?: string }) => {
      t.assert.equal(error.code, 'CONFIG_INVALID')
      t.assert.match(error.message, /understands sqlite:FILE and sqlite::memory:/)
      t.assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
})

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'vitrine-store-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A file system of 4 MiB, or null where none may be mounted. */
function smallDisk(t: TestContext): string | null {
  const path = mkdtempSync(join(tmpdir(), 'vitrine-disk-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'vitrine-test', path])
  t.after(() => {
    if (status === 0) execFileSync('umount', ['-l', path])
    rmSync(path, { recursive: true })
  })
  return status === 0 ? path : null
}

async function filled(t: TestContext): Promise<string> {
  const file = join(directory(t), 'state.db')
  await using store = await openStore(`sqlite:${file}`)
  await store.deploy(deployment('a', { bundle: Buffer.alloc(100_000, 'x') }))
  return file
}

async function refused(t: TestContext, file: string, message: RegExp) {
  const before = readFileSync(file)
  await t.assert.rejects(openStore(`sqlite:${file}`), (error: Error & { code?: string }) => {
    t.assert.equal(error.code, 'STORE_UNUSABLE')
    t.assert.ok(error.message.startsWith(`The database ${file} `))
    t.assert.match(error.message, message)
    return true
  })
  t.assert.ok(readFileSync(file).equals(before))
}
