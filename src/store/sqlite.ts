/**
 * State in one SQLite file. Reads are indexed look-ups on a connection of this thread, a few microseconds each;
 * writes go to a thread of their own, because a sync of the disk, or a large bundle, would hold up requests.
 * What a promise of a write has confirmed survives a crash and is seen by the next read.
 */
import { randomUUID } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AppConfig } from '../app-config.ts'
import { OPTIONS } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { hostPatterns } from '../routes.ts'
import { type NoAnswer, Thread } from '../thread.ts'
import { CHUNK_BYTES, openDatabase, storeError } from './sqlite-database.ts'
import type { WriteReply, WriterData } from './sqlite-worker.ts'
import { type Row, SqliteWriter, type Write } from './sqlite-writer.ts'
import type { AppRecord, Deployment, KvEntry, RouteRecord, Store, VersionRecord } from './store.ts'

export interface SqliteOptions {
  /** Milliseconds since the epoch. */
  now?: () => number
  /** How long a write waits for another process that is writing, before `STORE_UNAVAILABLE`. Default 5000. */
  lockWaitMs?: number
  /** Writes that may wait for the disk; more are refused with `STORE_UNAVAILABLE`. */
  writesMax?: number
}

const VERSION = `v.id, v.app, v.number, v.created_at, v.bundle, v.message, v.config, b.bytes, v.id = a.active AS active,
  a.created_at AS app_created_at FROM versions v JOIN bundles b ON b.hash = v.bundle JOIN apps a ON a.name = v.app`

/** All that is read; each by an index, so that none takes longer the more there is. */
export const READS = {
  state: 'SELECT generation, apps FROM state',
  app: `SELECT ${VERSION} WHERE a.name = ? AND v.id = a.active`,
  apps: `SELECT ${VERSION} WHERE a.name > ? AND v.id = a.active ORDER BY a.name LIMIT ?`,
  version: `SELECT ${VERSION} WHERE v.id = ?`,
  versions: `SELECT ${VERSION} WHERE v.app = ? ORDER BY v.number DESC`,
  bundle: 'SELECT bytes FROM bundles WHERE hash = ?',
  chunk: 'SELECT content FROM chunks WHERE hash = ? AND seq = ?',
  routesFor: 'SELECT pattern, app FROM routes WHERE host IN (SELECT value FROM json_each(?))',
  routes: 'SELECT pattern, app FROM routes WHERE pattern > ? ORDER BY pattern LIMIT ?',
  routesOfApp: 'SELECT pattern, app FROM routes WHERE app = ? AND pattern > ? ORDER BY pattern LIMIT ?',
  kvGet: `SELECT value, metadata, expires_at FROM kv
    WHERE namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)`,
  kvList: `SELECT key, metadata, expires_at FROM kv
    WHERE namespace = ? AND key > ? AND key >= ? AND key < ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?`,
  kvListToEnd: `SELECT key, metadata, expires_at FROM kv
    WHERE namespace = ? AND key > ? AND key >= ? AND ? = '' AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?`,
} as const

/** Opens `file`, or a database in memory for `:memory:`. Throws `STORE_UNUSABLE`. */
export function openSqlite(file: string, options: SqliteOptions = {}): Store {
  return new SqliteStore(file, openDatabase(file), options)
}

class SqliteStore implements Store {
  readonly #file: string
  readonly #database: DatabaseSync
  readonly #reads: Record<keyof typeof READS, StatementSync>
  readonly #writer: SqliteWriter | Thread<Write, WriteReply>
  readonly #now: () => number

  constructor(
    file: string,
    database: DatabaseSync,
    { now = Date.now, writesMax = OPTIONS.storeWritesMax.default, lockWaitMs = 5000 }: SqliteOptions,
  ) {
    this.#file = file
    this.#database = database
    this.#now = now
    this.#reads = Object.fromEntries(
      Object.entries(READS).map(([name, sql]) => [name, database.prepare(sql)]),
    ) as Record<keyof typeof READS, StatementSync>
    if (file === ':memory:') {
      this.#writer = new SqliteWriter(database)
    } else {
      database.exec('PRAGMA query_only = ON; PRAGMA busy_timeout = 50')
      this.#writer = new Thread({
        script: new URL('./sqlite-worker.ts', import.meta.url),
        name: 'store',
        data: { file, lockWaitMs } satisfies WriterData,
        pendingMax: writesMax,
      })
    }
  }

  async generation() {
    return Number(this.#get('state')!.generation)
  }

  async deploy({ app, config, bundle, routes, message }: Deployment): Promise<VersionRecord> {
    const id = randomUUID()
    const now = this.#now()
    const chunks = await cut(bundle)
    const write: Write = {
      op: 'deploy',
      app,
      id,
      config: JSON.stringify(config),
      chunks,
      routes,
      message: message ?? null,
      now,
    }
    const { number, hash } = (await this.#write(
      write,
      chunks.map(chunk => chunk.buffer),
    )) as { number: number; hash: string }
    return {
      app,
      id,
      number,
      config,
      bundleHash: hash,
      bundleBytes: bundle.byteLength,
      createdAt: now,
      active: true,
      ...(message !== undefined && { message }),
    }
  }

  async activate(app: string, versionId: string): Promise<VersionRecord> {
    await this.#write({ op: 'activate', app, id: versionId })
    const row = this.#get('version', versionId)
    if (row) return versionOf(row)
    throw new VitrineError('VERSION_NOT_FOUND', `App "${app}" was deleted meanwhile: deploy it again`)
  }

  async app(name: string): Promise<AppRecord | null> {
    const row = this.#get('app', name)
    return row ? appOf(row) : null
  }

  async apps({ after = '', limit = 1000 }: { after?: string; limit?: number } = {}) {
    return this.#all('apps', after, limit).map(appOf)
  }

  async appCount() {
    return Number(this.#get('state')!.apps)
  }

  async deleteApp(name: string) {
    return (await this.#write({ op: 'deleteApp', app: name })) as boolean
  }

  async versions(app: string) {
    return this.#all('versions', app).map(versionOf)
  }

  async bundle(hash: string): Promise<Buffer | null> {
    const row = this.#get('bundle', hash)
    if (!row) return null
    const bytes = Number(row.bytes)
    if (bytes <= CHUNK_BYTES) return this.#chunk(hash, 0)
    const bundle = Buffer.allocUnsafeSlow(bytes)
    for (let seq = 0; seq * CHUNK_BYTES < bytes; seq++) {
      if (seq > 0) await nextTurn()
      const chunk = this.#chunk(hash, seq)
      // Pruned while it was being read: as good as not there.
      if (!chunk) return null
      chunk.copy(bundle, seq * CHUNK_BYTES)
    }
    return bundle
  }

  #chunk(hash: string, seq: number): Buffer | null {
    const row = this.#get('chunk', hash, seq)
    return row ? bufferOf(row.content as Uint8Array) : null
  }

  async routesFor(host: string) {
    return this.#all('routesFor', JSON.stringify(hostPatterns(host))).map(routeOf)
  }

  async routes({ app, after = '', limit = 1000 }: { app?: string; after?: string; limit?: number } = {}) {
    const rows =
      app === undefined ? this.#all('routes', after, limit) : this.#all('routesOfApp', app, after, limit)
    return rows.map(routeOf)
  }

  async addRoute({ pattern, app }: RouteRecord) {
    await this.#write({ op: 'addRoute', route: { pattern, app } })
  }

  async deleteRoute(pattern: string) {
    return (await this.#write({ op: 'deleteRoute', pattern })) as RouteRecord | null
  }

  async kvGet(namespace: string, key: string): Promise<KvEntry | null> {
    const row = this.#get('kvGet', namespace, key, this.#now())
    return row ? { value: bufferOf(row.value as Uint8Array), ...kvExtras(row) } : null
  }

  async kvPut(namespace: string, key: string, { value, metadata = null, expiresAt = null }: KvPut) {
    const copy = new Uint8Array(value)
    const write: Write = { op: 'kvPut', namespace, key, value: copy, metadata, expiresAt, now: this.#now() }
    await this.#write(write, [copy.buffer])
  }

  async kvDelete(namespace: string, key: string) {
    await this.#write({ op: 'kvDelete', namespace, key })
  }

  async kvList(
    namespace: string,
    { prefix = '', after = '', limit }: { prefix?: string; after?: string; limit: number },
  ) {
    const end = prefixEnd(prefix)
    const read = end === '' ? 'kvListToEnd' : 'kvList'
    const rows = this.#all(read, namespace, after, prefix, end, this.#now(), limit + 1)
    const keys = rows.slice(0, limit).map(row => ({ name: String(row.key), ...kvExtras(row) }))
    return { keys, complete: rows.length <= limit }
  }

  async [Symbol.asyncDispose]() {
    if (this.#database.isOpen) this.#database.close()
    // The last connection to close folds the write-ahead log into the file: that is not this thread's work.
    if (this.#writer instanceof Thread) await this.#writer[Symbol.asyncDispose]()
  }

  #get(read: keyof typeof READS, ...values: (string | number)[]): Row | undefined {
    return this.#guard(() => this.#reads[read].get(...values))
  }

  #all(read: keyof typeof READS, ...values: (string | number)[]): Row[] {
    return this.#guard(() => this.#reads[read].all(...values))
  }

  #guard<T>(act: () => T): T {
    if (!this.#database.isOpen) throw this.#unavailable('is closed: the platform is stopping')
    try {
      return act()
    } catch (error) {
      throw storeError(error, this.#file)
    }
  }

  async #write(write: Write, transfer?: ArrayBuffer[]): Promise<unknown> {
    const writer = this.#writer
    if (writer instanceof Thread) return this.#settle(writer.call(write, transfer))
    return this.#guard(() => {
      const [result] = writer.run([write])
      if ('error' in result!) throw result.error
      return result!.value
    })
  }

  async #settle(answer: Promise<WriteReply>): Promise<unknown> {
    let reply: WriteReply
    try {
      reply = await answer
    } catch (error) {
      const { reason } = error as NoAnswer
      throw this.#unavailable(UNANSWERED[reason], error)
    }
    if ('value' in reply) return reply.value
    throw reply.code ? new VitrineError(reply.code, reply.message) : new Error(reply.message)
  }

  #unavailable(problem: string, cause?: unknown): VitrineError {
    return new VitrineError('STORE_UNAVAILABLE', `The database ${this.#file} ${problem}`, { cause })
  }
}

const UNANSWERED = {
  full: 'has too many changes waiting: try again later',
  lost: 'lost its writer: look whether the change is there, then try again',
  closed: 'is closed: the platform is stopping',
} satisfies Record<NoAnswer['reason'], string>

type KvPut = { value: Uint8Array; metadata?: string | null; expiresAt?: number | null }

/** Copies of a bundle's pieces, made without holding the event loop for more than one of them. */
async function cut(bundle: Buffer): Promise<Uint8Array<ArrayBuffer>[]> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  for (let offset = 0; offset < bundle.byteLength; offset += CHUNK_BYTES) {
    if (offset > 0) await nextTurn()
    chunks.push(new Uint8Array(bundle.subarray(offset, offset + CHUNK_BYTES)))
  }
  return chunks
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function versionOf(row: Row): VersionRecord {
  return {
    app: String(row.app),
    id: String(row.id),
    number: Number(row.number),
    config: JSON.parse(String(row.config)) as AppConfig,
    bundleHash: String(row.bundle),
    bundleBytes: Number(row.bytes),
    createdAt: Number(row.created_at),
    active: row.active === 1,
    ...(row.message !== null && { message: String(row.message) }),
  }
}

function appOf(row: Row): AppRecord {
  return { name: String(row.app), version: versionOf(row), createdAt: Number(row.app_created_at) }
}

function routeOf(row: Row): RouteRecord {
  return { pattern: String(row.pattern), app: String(row.app) }
}

function kvExtras(row: Row): { metadata?: string; expiresAt?: number } {
  return {
    ...(row.metadata !== null && { metadata: String(row.metadata) }),
    ...(row.expires_at !== null && { expiresAt: Number(row.expires_at) }),
  }
}

/** The least text that is greater, in UTF-8, than every text with this prefix; empty if there is none. */
export function prefixEnd(prefix: string): string {
  const points = Array.from(prefix, character => character.codePointAt(0)!)
  while (points.length > 0) {
    const last = points.pop()!
    if (last === 0x10ffff) continue
    points.push(last === 0xd7ff ? 0xe000 : last + 1)
    return String.fromCodePoint(...points)
  }
  return ''
}
