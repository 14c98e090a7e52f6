/**
 * The client of the control API: the command line's only way to a platform.
 *
 * Whatever goes wrong is a VitrineError: the platform's own sentence where it gave one, else what to do about
 * a platform that is not there.
 */
import { encodeUpload, type Upload } from '../build/upload.ts'
import { ERROR_STATUS, type ErrorCode, VitrineError } from '../errors.ts'

export const URL_DEFAULT = 'http://127.0.0.1:3081'

const ANSWER_MS_MAX = 30_000
/** A deploy uploads, and starts the app once. */
const DEPLOY_MS_MAX = 120_000

export interface VersionSummary {
  id: string
  number: number
  /** Milliseconds since the epoch. */
  createdAt: number
}

export interface AppSummary {
  name: string
  version: VersionSummary
  routes: string[]
  loaded: boolean
  readyInstances: number
  /** Milliseconds since the epoch; null while the app is not loaded. */
  startTime: number | null
  inFlight: number
  queued: number
}

export interface AppDetail extends AppSummary {
  urls: string[]
  config: {
    main: string
    syntax: string
    compatibilityDate?: string
    compatibilityFlags: string[]
    vars: Record<string, unknown>
  }
  limits: Record<string, number>
  bundleBytes: number
  /** What is held against it, if anything: it has brought a runtime down, or may have. */
  quarantine: {
    state: 'quarantined' | 'suspected'
    reason: string
    deaths: number
    pauseMs: number
    releaseMs: number
    clearedByDeploy: boolean
  } | null
  instances: {
    id: number
    runtime: string
    state?: string
    inFlight: number
    heapBytes: number
    startedAt?: number
  }[]
}

export interface Version extends VersionSummary {
  active: boolean
  bundleBytes: number
  message?: string
}

export interface Deployed {
  app: string
  version: { id: string; number: number }
  urls: string[]
  warnings: string[]
  startup_ms: number
}

export class Client {
  readonly #base: URL
  readonly #token: string

  /** Reads `VITRINE_URL` and `VITRINE_TOKEN`. Throws `USAGE` if the URL is none. */
  constructor(env: Record<string, string | undefined>) {
    const text = env.VITRINE_URL || URL_DEFAULT
    const url = URL.parse(text)
    if (!url || !/^https?:$/.test(url.protocol))
      throw new VitrineError('USAGE', `VITRINE_URL must be a URL such as ${URL_DEFAULT}, not "${text}"`)
    this.#base = url
    this.#token = env.VITRINE_TOKEN ?? ''
  }

  deploy(upload: Upload): Promise<Deployed> {
    const body = encodeUpload(upload)
    return this.#json('PUT', `apps/${encodeURIComponent(upload.name)}`, { body, answerMsMax: DEPLOY_MS_MAX })
  }

  /** All apps, in order of name. */
  apps(): Promise<AppSummary[]> {
    return this.#all('apps', 'apps', {})
  }

  app(name: string): Promise<AppDetail> {
    return this.#json('GET', `apps/${encodeURIComponent(name)}`)
  }

  async deleteApp(name: string): Promise<void> {
    await this.#json('DELETE', `apps/${encodeURIComponent(name)}`)
  }

  /** Lets an app out of quarantine; false if it was in none. */
  async releaseApp(name: string): Promise<boolean> {
    const path = `apps/${encodeURIComponent(name)}/release`
    const { released } = await this.#json<{ released: boolean }>('POST', path, { json: {} })
    return released
  }

  async versions(name: string): Promise<Version[]> {
    const { versions } = await this.#json<{ versions: Version[] }>(
      'GET',
      `apps/${encodeURIComponent(name)}/versions`,
    )
    return versions
  }

  /** To the version with this number, id or unique beginning of an id; to the one before the active one if none is named. */
  rollback(name: string, version?: string): Promise<{ app: string; version: VersionSummary }> {
    const json = version === undefined ? {} : { version }
    return this.#json('POST', `apps/${encodeURIComponent(name)}/rollback`, {
      json,
      answerMsMax: DEPLOY_MS_MAX,
    })
  }

  /** All routes, or those of one app, in order of pattern. */
  routes(app?: string): Promise<{ pattern: string; app: string }[]> {
    return this.#all('routes', 'routes', app === undefined ? {} : { app })
  }

  async addRoute(pattern: string, app: string): Promise<void> {
    await this.#json('POST', 'routes', { json: { pattern, app } })
  }

  async deleteRoute(pattern: string): Promise<void> {
    await this.#json('DELETE', `routes?pattern=${encodeURIComponent(pattern)}`)
  }

  lookup(url: string): Promise<{ app: string | null; pattern: string | null }> {
    return this.#json('GET', `routes/lookup?url=${encodeURIComponent(url)}`)
  }

  /** The live events of an app, as bytes of NDJSON, until `signal` aborts or the connection breaks. */
  async tail(name: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const path = `apps/${encodeURIComponent(name)}/tail`
    const response = await this.#send('GET', path, { signal, headers: { accept: 'application/x-ndjson' } })
    if (!response.ok || !response.body) throw await this.#refused(response)
    return response.body
  }

  /** The items of a listing, however many pages they fill: each page names what the next one comes after. */
  async #all<T>(path: string, key: string, query: Record<string, string>): Promise<T[]> {
    const items: T[] = []
    for (let after: string | null | undefined; after !== null; ) {
      const search = new URLSearchParams(after === undefined ? query : { ...query, after })
      const page = await this.#json<Record<string, T[]> & { next?: string | null }>(
        'GET',
        `${path}?${search}`,
      )
      items.push(...page[key]!)
      after = page[key]!.length === 0 ? null : (page.next ?? null)
    }
    return items
  }

  async #json<T>(
    method: string,
    path: string,
    options: { body?: FormData; json?: unknown; answerMsMax?: number } = {},
  ): Promise<T> {
    const { body, json, answerMsMax = ANSWER_MS_MAX } = options
    const response = await this.#send(method, path, {
      body: json === undefined ? body : JSON.stringify(json),
      headers: {
        accept: 'application/json',
        ...(json !== undefined && { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(answerMsMax),
    })
    if (!response.ok) throw await this.#refused(response)
    try {
      return (await response.json()) as T
    } catch (cause) {
      throw this.#notVitrine(response.status, cause)
    }
  }

  async #send(method: string, path: string, init: RequestInit): Promise<Response> {
    const url = new URL(`api/v1/${path}`, `${this.#base.href.replace(/\/*$/, '')}/`)
    const authorization = this.#token === '' ? {} : { authorization: `Bearer ${this.#token}` }
    try {
      return await fetch(url, {
        ...init,
        method,
        headers: { ...init.headers, ...authorization },
        redirect: 'error',
      })
    } catch (cause) {
      if ((init.signal as AbortSignal).aborted && (cause as Error).name === 'AbortError') throw cause
      throw new VitrineError(
        'PLATFORM_UNREACHABLE',
        `No platform answers at ${this.#base.origin} (${reasonOf(cause)}): start one with "vitrine serve", or ` +
          'say with VITRINE_URL where it is',
        { cause },
      )
    }
  }

  async #refused(response: Response): Promise<VitrineError> {
    const answer = (await response.json().catch(() => null)) as {
      error?: { code?: string; message?: string; detail?: string }
    } | null
    const { code, message, detail } = answer?.error ?? {}
    if (typeof code !== 'string' || typeof message !== 'string') return this.#notVitrine(response.status)
    const known = Object.hasOwn(ERROR_STATUS, code) ? (code as ErrorCode) : 'REQUEST_INVALID'
    const remedy = known === 'UNAUTHORIZED' ? '; set VITRINE_TOKEN to the token of the platform' : ''
    const mentioned = remedy !== '' && message.includes('VITRINE_TOKEN')
    return new VitrineError(
      known,
      mentioned ? message : message + remedy,
      typeof detail === 'string' ? { detail } : {},
    )
  }

  #notVitrine(status: number, cause?: unknown): VitrineError {
    return new VitrineError(
      'PLATFORM_UNREACHABLE',
      `What answers at ${this.#base.origin} (status ${status}) is no Vitrine control API: correct VITRINE_URL`,
      { cause },
    )
  }
}

/** Why fetch() failed, in few words: its own message says only that it did. */
function reasonOf(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return 'no answer in time'
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined
  return cause?.code ?? cause?.message ?? (error as Error).message
}
