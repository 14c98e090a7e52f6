/**
 * Everything that changes the database, as transactions: a group of writes that arrived together is committed
 * by one sync to the disk. Each stands or falls alone within its group. Synchronous; it runs in a thread of
 * its own (sqlite-worker.ts) unless the database is in memory.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite'
import { VitrineError } from '../errors.ts'
import { hostPatternOf } from '../routes.ts'
import type { RouteRecord } from './store.ts'
import { ROUTES_PER_HOST_MAX, VERSIONS_KEPT } from './store.ts'

/** A write, in a form that can be posted to another thread. `now` is in milliseconds since the epoch. */
export type Write =
  | {
      op: 'deploy'
      app: string
      id: string
      config: string
      /** The bundle, cut into `CHUNK_BYTES`. */
      chunks: Uint8Array<ArrayBuffer>[]
      routes: string[]
      message: string | null
      now: number
    }
  | { op: 'activate'; app: string; id: string }
  | { op: 'deleteApp'; app: string }
  | { op: 'addRoute'; route: RouteRecord }
  | { op: 'deleteRoute'; pattern: string }
  | {
      op: 'kvPut'
      namespace: string
      key: string
      value: Uint8Array
      metadata: string | null
      expiresAt: number | null
      now: number
    }
  | { op: 'kvDelete'; namespace: string; key: string }

export type WriteResult = { value: unknown } | { error: unknown }

export type Row = Record<string, SQLOutputValue>

/** Expired KV entries removed with each group of writes, so that no sweep is ever long. */
const SWEEP_MAX = 64

export class SqliteWriter {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, ReturnType<DatabaseSync['prepare']>>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Runs the writes in order, in one transaction. What they did is on the disk when this returns. */
  run(writes: readonly Write[]): WriteResult[] {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
    } catch (error) {
      return writes.map(() => ({ error }))
    }
    try {
      const results = writes.map(write => this.#alone(write))
      this.#database.exec('COMMIT')
      return results
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      // A full disk, say, undoes the whole group; those who are not to blame succeed when run alone.
      return writes.length > 1 ? writes.flatMap(write => this.run([write])) : [{ error }]
    }
  }

  /** Throws only if SQLite has given up the whole transaction. */
  #alone(write: Write): WriteResult {
    this.#database.exec('SAVEPOINT one')
    try {
      const value = this.#apply(write)
      this.#database.exec('RELEASE one')
      return { value }
    } catch (error) {
      if (!this.#database.isTransaction) throw error
      this.#database.exec('ROLLBACK TO one; RELEASE one')
      return { error }
    }
  }

  #apply(write: Write): unknown {
    switch (write.op) {
      case 'deploy':
        return this.#deploy(write)
      case 'activate':
        return this.#activate(write.app, write.id)
      case 'deleteApp':
        return this.#deleteApp(write.app)
      case 'addRoute':
        if (!this.#get('SELECT 1 FROM apps WHERE name = ?', write.route.app)) {
          throw new VitrineError('APP_NOT_FOUND', `There is no app "${write.route.app}": see vitrine apps`)
        }
        return this.#addRoute(write.route) ? this.#changed(0) : undefined
      case 'deleteRoute': {
        const route = this.#get('DELETE FROM routes WHERE pattern = ? RETURNING pattern, app', write.pattern)
        if (route) this.#changed(0)
        return route ?? null
      }
      case 'kvPut':
        this.#sweep(write.now)
        return this.#run(
          `INSERT INTO kv (namespace, key, expires_at, metadata, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT (namespace, key)
           DO UPDATE SET expires_at = excluded.expires_at, metadata = excluded.metadata, value = excluded.value`,
          write.namespace,
          write.key,
          write.expiresAt,
          write.metadata,
          write.value,
        )
      case 'kvDelete':
        return this.#run('DELETE FROM kv WHERE namespace = ? AND key = ?', write.namespace, write.key)
    }
  }

  #deploy({ app, id, config, chunks, routes, message, now }: Extract<Write, { op: 'deploy' }>) {
    const hash = this.#storeBundle(chunks)
    const existing = this.#get('SELECT last_number FROM apps WHERE name = ?', app)
    const number = Number(existing?.last_number ?? 0) + 1
    this.#run(
      'INSERT INTO versions (id, app, number, created_at, bundle, message, config) VALUES (?, ?, ?, ?, ?, ?, ?)',
      id,
      app,
      number,
      now,
      hash,
      message,
      config,
    )
    this.#run(
      `INSERT INTO apps (name, created_at, active, last_number) VALUES (?, ?, ?, ?) ON CONFLICT (name)
       DO UPDATE SET active = excluded.active, last_number = excluded.last_number`,
      app,
      now,
      id,
      number,
    )
    for (const pattern of routes) this.#addRoute({ pattern, app })
    this.#prune(app, id)
    this.#changed(existing ? 0 : 1)
    return { number, hash }
  }

  #storeBundle(chunks: readonly Uint8Array[]): string {
    const digest = createHash('sha256')
    let bytes = 0
    for (const chunk of chunks) {
      digest.update(chunk)
      bytes += chunk.byteLength
    }
    const hash = digest.digest('hex')
    if (this.#run('INSERT OR IGNORE INTO bundles (hash, bytes) VALUES (?, ?)', hash, bytes) > 0) {
      chunks.forEach((chunk, seq) => {
        this.#run('INSERT INTO chunks (hash, seq, content) VALUES (?, ?, ?)', hash, seq, chunk)
      })
    }
    return hash
  }

  #activate(app: string, id: string) {
    if (!this.#get('SELECT 1 FROM versions WHERE id = ? AND app = ?', id, app)) {
      throw new VitrineError(
        'VERSION_NOT_FOUND',
        `App "${app}" has no version ${id}: see vitrine versions ${app}`,
      )
    }
    this.#run('UPDATE apps SET active = ? WHERE name = ?', id, app)
    this.#changed(0)
  }

  #deleteApp(app: string): boolean {
    if (this.#run('DELETE FROM apps WHERE name = ?', app) === 0) return false
    this.#run('DELETE FROM routes WHERE app = ?', app)
    this.#forgetBundles(this.#all('DELETE FROM versions WHERE app = ? RETURNING bundle', app))
    this.#changed(-1)
    return true
  }

  /** Whether it is new. */
  #addRoute({ pattern, app }: RouteRecord): boolean {
    const owner = this.#get('SELECT app FROM routes WHERE pattern = ?', pattern)?.app
    if (owner === app) return false
    if (owner !== undefined) {
      throw new VitrineError(
        'ROUTE_TAKEN',
        `Route ${pattern} belongs to app "${owner}": delete it there first (vitrine routes delete '${pattern}'), or choose another`,
      )
    }
    const host = hostPatternOf(pattern)
    const { n } = this.#get('SELECT count(*) AS n FROM routes WHERE host = ?', host)!
    if (Number(n) >= ROUTES_PER_HOST_MAX) {
      throw new VitrineError(
        'ROUTE_INVALID',
        `Route ${pattern} would be one more than the ${ROUTES_PER_HOST_MAX} that ${host} may have: use a wildcard like ${host}/*`,
      )
    }
    this.#run('INSERT INTO routes (pattern, host, app) VALUES (?, ?, ?)', pattern, host, app)
    return true
  }

  /** Removes versions older than the newest `VERSIONS_KEPT` that are not active. */
  #prune(app: string, active: string) {
    const oldest = this.#get(
      'SELECT number FROM versions WHERE app = ? AND id <> ? ORDER BY number DESC LIMIT 1 OFFSET ?',
      app,
      active,
      VERSIONS_KEPT,
    )
    if (!oldest) return
    this.#forgetBundles(
      this.#all(
        'DELETE FROM versions WHERE app = ? AND id <> ? AND number <= ? RETURNING bundle',
        app,
        active,
        oldest.number!,
      ),
    )
  }

  #forgetBundles(versions: Row[]) {
    for (const hash of new Set(versions.map(version => version.bundle!))) {
      if (this.#get('SELECT 1 FROM versions WHERE bundle = ? LIMIT 1', hash)) continue
      this.#run('DELETE FROM chunks WHERE hash = ?', hash)
      this.#run('DELETE FROM bundles WHERE hash = ?', hash)
    }
  }

  #sweep(now: number) {
    this.#run(
      'DELETE FROM kv WHERE rowid IN (SELECT rowid FROM kv WHERE expires_at <= ? LIMIT ?)',
      now,
      SWEEP_MAX,
    )
  }

  #changed(apps: number) {
    this.#run('UPDATE state SET generation = generation + 1, apps = apps + ?', apps)
  }

  #prepared(sql: string) {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes)
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values)
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values)
  }
}
