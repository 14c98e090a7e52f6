/**
 * The seam between Vitrine and its state: apps, their versions and bundles, routes, KV.
 *
 * Every write is atomic and durable when its promise resolves: a crash at any moment leaves the state before
 * or after it. Each change of apps or routes raises the generation, by which other processes see that there
 * is news. A store that cannot answer rejects with `STORE_UNAVAILABLE`.
 */
import type { AppConfig } from '../app-config.ts'

export interface Store extends AsyncDisposable {
  /** A number that rises with every change of apps, versions or routes. */
  generation(): Promise<number>

  /** Makes `version` the app's active one, creating the app on first use, and sets its routes, all at once. */
  deploy(deployment: Deployment): Promise<VersionRecord>
  /** Makes an older version active again. `VERSION_NOT_FOUND` if it is not there. */
  activate(app: string, versionId: string): Promise<VersionRecord>
  /** The active version of an app with its config, or null. One indexed read. */
  app(name: string): Promise<AppRecord | null>
  /** Apps in order of name, `limit` (default 1000) after `after`. */
  apps(options?: { after?: string; limit?: number }): Promise<AppRecord[]>
  appCount(): Promise<number>
  /** Removes the app, its versions and routes. Resolves to whether it was there. */
  deleteApp(name: string): Promise<boolean>
  /** An app's versions, newest first; old ones beyond `VERSIONS_KEPT` are pruned at deploys. */
  versions(app: string): Promise<VersionRecord[]>
  /** The packed bundle (see bundle.ts), or null. */
  bundle(hash: string): Promise<Buffer | null>

  /** Every route whose host pattern can match `host` (lower case, no port). */
  routesFor(host: string): Promise<RouteRecord[]>
  /** Routes in order of pattern, of one app or of all, `limit` (default 1000) after `after`. */
  routes(options?: { app?: string; after?: string; limit?: number }): Promise<RouteRecord[]>
  /** Nothing if the app has it already. `ROUTE_TAKEN` if another app has the pattern; `APP_NOT_FOUND`. */
  addRoute(route: RouteRecord): Promise<void>
  /** Resolves to the route that was there, or null. */
  deleteRoute(pattern: string): Promise<RouteRecord | null>

  kvGet(namespace: string, key: string): Promise<KvEntry | null>
  kvPut(namespace: string, key: string, entry: KvEntry): Promise<void>
  kvDelete(namespace: string, key: string): Promise<void>
  /** Keys in order of their UTF-8 bytes, after `after`. Expired ones are left out. */
  kvList(
    namespace: string,
    options: { prefix?: string; after?: string; limit: number },
  ): Promise<{ keys: { name: string; expiresAt?: number; metadata?: string }[]; complete: boolean }>
}

/** Versions kept of each app besides the active one. */
export const VERSIONS_KEPT = 20

/** Routes whose patterns begin with the same host; `routesFor` returns them all, so there must not be many. */
export const ROUTES_PER_HOST_MAX = 1000

export interface Deployment {
  app: string
  config: AppConfig
  /** Packed modules; stored once under its hash, however many versions share it. */
  bundle: Buffer
  /** The patterns this app answers to from now on, added to those it has. `ROUTE_TAKEN` if another app has one. */
  routes: string[]
  message?: string
}

export interface VersionRecord {
  app: string
  /** UUID. */
  id: string
  /** 1 for the app's first version, and so on. */
  number: number
  config: AppConfig
  bundleHash: string
  bundleBytes: number
  /** Milliseconds since the epoch. */
  createdAt: number
  active: boolean
  message?: string
}

/** An app with its active version. */
export interface AppRecord {
  name: string
  version: VersionRecord
  createdAt: number
}

/** `pattern` is normalised: `host/path`, host in lower case without a port. */
export interface RouteRecord {
  pattern: string
  app: string
}

export interface KvEntry {
  value: Buffer
  /** JSON text. */
  metadata?: string
  /** Milliseconds since the epoch. */
  expiresAt?: number
}
