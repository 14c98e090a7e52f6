/**
 * Opens the database file: creates it, brings an older one up to date, and refuses what it does not
 * understand. A file that is not ours, is newer or is damaged is reported in one sentence and left as it is.
 */
import { closeSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { VitrineError } from '../errors.ts'

/** Marks a database as Vitrine's: "vitr". */
const APPLICATION_ID = 0x76697472

/**
 * What brings the schema from version n to n + 1. Released entries never change; new ones are added at the end.
 *
 * A bundle's bytes are rows of `CHUNK_BYTES`, so that neither writing nor reading one is a single long step.
 * Large columns come last: SQLite then reads the others without following them.
 */
const MIGRATIONS = [
  `CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL, apps INTEGER NOT NULL) STRICT;
   INSERT INTO state VALUES (1, 0, 0);
   CREATE TABLE apps (name TEXT PRIMARY KEY, created_at INTEGER NOT NULL, active TEXT NOT NULL,
     last_number INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE versions (id TEXT PRIMARY KEY, app TEXT NOT NULL, number INTEGER NOT NULL, created_at INTEGER NOT NULL,
     bundle TEXT NOT NULL, message TEXT, config TEXT NOT NULL) STRICT;
   CREATE UNIQUE INDEX versions_of_app ON versions (app, number);
   CREATE INDEX versions_of_bundle ON versions (bundle);
   CREATE TABLE bundles (hash TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE chunks (hash TEXT NOT NULL, seq INTEGER NOT NULL, content BLOB NOT NULL) STRICT;
   CREATE UNIQUE INDEX chunks_of_bundle ON chunks (hash, seq);
   CREATE TABLE routes (pattern TEXT PRIMARY KEY, host TEXT NOT NULL, app TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE INDEX routes_of_host ON routes (host, app);
   CREATE INDEX routes_of_app ON routes (app);
   CREATE TABLE kv (namespace TEXT NOT NULL, key TEXT NOT NULL, expires_at INTEGER, metadata TEXT, value BLOB NOT NULL) STRICT;
   CREATE UNIQUE INDEX kv_of_namespace ON kv (namespace, key);
   CREATE INDEX kv_expiring ON kv (expires_at) WHERE expires_at IS NOT NULL;`,
]

/** How much of a bundle is one row, one message to the writer, one step of the event loop. */
export const CHUNK_BYTES = 256 * 1024

const HEADER = Buffer.from('SQLite format 3\0', 'latin1')

/**
 * Opens `file` (`:memory:` for a database that ends with the process), creating it and the directory it is in.
 * Throws `STORE_UNUSABLE`, naming the file and the remedy.
 */
export function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    if (file !== ':memory:') prepareFile(file)
    database = connect(file, { waitMs: 5000 })
    refuseForeign(database, file)
    refuseTruncated(database, file)
    const [mode] = Object.values(database.prepare('PRAGMA journal_mode = WAL').get() ?? {})
    if (mode !== 'wal' && mode !== 'memory') {
      throw unusable(file, 'lies on a file system without shared memory: put it on a local disk')
    }
    migrate(database)
    return database
  } catch (error) {
    database?.close()
    throw error instanceof VitrineError ? error : storeError(error, file, 'STORE_UNUSABLE')
  }
}

/** A further connection to a database that `openDatabase` has opened. It waits `waitMs` for another's lock. */
export function connect(file: string, { waitMs }: { waitMs: number }): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: waitMs })
  // A commit is on the disk when it returns; fullfsync asks macOS for what others do without being asked.
  database.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA journal_size_limit = 67108864')
  return database
}

function unusable(file: string, problem: string): VitrineError {
  return new VitrineError('STORE_UNUSABLE', `The database ${file} ${problem}`)
}

const OTHER_FILE = 'or name another file with --store'

function prepareFile(file: string) {
  const directory = dirname(resolve(file))
  try {
    mkdirSync(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw unusable(
        file,
        `cannot be made: the directory above ${directory} does not exist; create it ${OTHER_FILE}`,
      )
    }
    if (code !== 'EEXIST') {
      throw unusable(
        file,
        `cannot be made: the directory ${directory} may not be created (${code}) ${OTHER_FILE}`,
      )
    }
  }
  if (!statSync(directory).isDirectory()) {
    throw unusable(file, `cannot be made: ${directory} is no directory ${OTHER_FILE}`)
  }
  // SQLite takes a file of a few bytes for an empty database and would write over it.
  const header = readStart(file, HEADER.length)
  if (header !== null && header.length > 0 && !header.equals(HEADER)) throw unusable(file, NO_DATABASE)
}

/** The first bytes of a file; null if there is no such file. */
function readStart(file: string, bytes: number): Buffer | null {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw unusable(file, `cannot be read (${code}): see who owns it and its directory ${OTHER_FILE}`)
  }
  try {
    const start = Buffer.alloc(bytes)
    return start.subarray(0, readSync(descriptor, start, 0, bytes, 0))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw unusable(file, `cannot be read (${code}): it must be a file, ${OTHER_FILE}`)
  } finally {
    closeSync(descriptor)
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])
}

function refuseForeign(database: DatabaseSync, file: string) {
  const id = pragma(database, 'application_id')
  const version = pragma(database, 'user_version')
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n)
  const fresh = id === 0 && version === 0 && tables === 0
  if (!fresh && id !== APPLICATION_ID) {
    throw unusable(file, 'belongs to another program: name another file with --store')
  }
  if (version > MIGRATIONS.length) {
    throw unusable(
      file,
      `was written by a newer Vitrine (schema ${version}, this one knows ${MIGRATIONS.length}): upgrade Vitrine ${OTHER_FILE}`,
    )
  }
}

/** Pages must be somewhere: in the file, or still in the write-ahead log. */
function refuseTruncated(database: DatabaseSync, file: string) {
  if (file === ':memory:') return
  const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (pragma(database, 'page_count') * pragma(database, 'page_size') > size(file) + size(`${file}-wal`)) {
    throw unusable(file, DAMAGED)
  }
}

function migrate(database: DatabaseSync) {
  if (pragma(database, 'user_version') === MIGRATIONS.length) return
  database.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have been faster; inside the transaction nobody is.
    for (const step of MIGRATIONS.slice(pragma(database, 'user_version'))) database.exec(step)
    database.exec(
      `PRAGMA user_version = ${MIGRATIONS.length}; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`,
    )
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

const NO_DATABASE = `is no SQLite database: it was left as it is; name another file with --store`
const DAMAGED =
  'is damaged: it was left as it is; restore it from a backup, or name another file with --store'

/** What is wrong and what to do, by SQLite's primary result code. */
const SENTENCES: Record<number, { code: 'STORE_UNUSABLE' | 'STORE_UNAVAILABLE'; problem: string }> = {
  5: { code: 'STORE_UNAVAILABLE', problem: 'is locked by another process: try again, or stop that process' },
  6: { code: 'STORE_UNAVAILABLE', problem: 'is locked by another process: try again, or stop that process' },
  8: { code: 'STORE_UNAVAILABLE', problem: 'may not be written: check who owns it and its directory' },
  10: { code: 'STORE_UNAVAILABLE', problem: 'cannot be read or written: check the disk and its free space' },
  11: { code: 'STORE_UNUSABLE', problem: DAMAGED },
  13: { code: 'STORE_UNAVAILABLE', problem: 'does not fit on its disk, which is full: free some space' },
  14: { code: 'STORE_UNAVAILABLE', problem: 'cannot be opened: check who owns it and its directory' },
  26: { code: 'STORE_UNUSABLE', problem: NO_DATABASE },
}

/** SQLite's error as ours; anything else, which is our bug, comes back as it is. */
export function storeError(error: unknown, file: string, code?: 'STORE_UNUSABLE'): unknown {
  const number = (error as { errcode?: number } | null)?.errcode
  const sentence = number === undefined ? undefined : SENTENCES[number & 0xff]
  if (!sentence) return error
  return new VitrineError(code ?? sentence.code, `The database ${file} ${sentence.problem}`, { cause: error })
}
