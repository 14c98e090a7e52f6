/** The whole platform as main.ts puts it together: real ports, real processes, a store of its own. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../../src/build/build.ts'
import { encodeUpload, type Upload } from '../../src/build/upload.ts'
import { loadConfig, OPTIONS, type OptionName } from '../../src/config.ts'
import { type RunningPlatform, startPlatform } from '../../src/main.ts'

export interface Fetched {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
  text: string
  /** The `x-vitrine-outcome` of an answer that the platform gave. */
  outcome: string | undefined
}

export interface FetchOptions {
  method?: string
  headers?: Record<string, string>
  body?: Buffer | string
}

export interface TestPlatform extends AsyncDisposable {
  running: RunningPlatform
  /** Deploys a module's source, or the app at a path. */
  deploy(
    name: string,
    app: string | { path: string } | Upload,
    metadata?: Partial<Upload['metadata']>,
  ): Promise<Deployed>
  /** Sends a request to the app NAME, or to any host with a dot in it. Rejects if the connection breaks. */
  fetch(host: string, path?: string, options?: FetchOptions): Promise<Fetched>
  control(path: string, options?: FetchOptions): Promise<Fetched>
  /** One number from /metrics; undefined if the series is not there. */
  metric(series: string): Promise<number | undefined>
  /** The platform's log so far, a record a line. */
  log(): Record<string, unknown>[]
}

export interface Deployed {
  status: number
  json: {
    version?: { id: string; number: number }
    error?: { code: string; message: string; detail?: string }
  }
}

/** Starts a platform. `settings` are options by their names, as text. */
export async function startTestPlatform(
  settings: Partial<Record<OptionName, string>> = {},
): Promise<TestPlatform> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-test-'))
  const logFile = join(directory, 'log')
  const fd = openSync(logFile, 'w')
  const flags = {
    listen: '127.0.0.1:0',
    control: '127.0.0.1:0',
    metrics: '127.0.0.1:0',
    store: `sqlite:${join(directory, 'test.db')}`,
    apps: '',
    ...settings,
  }
  const config = loadConfig({ flags, file: join(directory, 'none.json') })
  const running = await startPlatform(config, { log: { fd, terminal: false } })
  const appsPort = Number(new URL(running.appsUrl).port)
  const control = (path: string, options?: FetchOptions) =>
    send(Number(new URL(running.controlUrl).port), { path, ...options, headers: { ...options?.headers } })
  return {
    running,
    async deploy(name, app, metadata = {}) {
      const upload =
        typeof app === 'string'
          ? moduleUpload(name, app, metadata)
          : 'path' in app
            ? await pathUpload(name, app.path, metadata)
            : app
      const response = await fetch(new URL(`api/v1/apps/${name}`, running.controlUrl), {
        method: 'PUT',
        body: encodeUpload(upload),
      })
      return { status: response.status, json: (await response.json()) as Deployed['json'] }
    },
    fetch(host, path = '/', { headers, ...options } = {}) {
      const name = host.includes('.') ? host : `${host}.localhost`
      return send(appsPort, { path, ...options, headers: { ...headers, host: name } })
    },
    control,
    async metric(series) {
      const text = await (await fetch(running.metricsUrl)).text()
      const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    },
    log() {
      const lines = readFileSync(logFile, 'utf8').split('\n')
      return lines.filter(line => line.endsWith('}')).map(line => JSON.parse(line) as Record<string, unknown>)
    },
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]()
      closeSync(fd)
      await rm(directory, { recursive: true })
    },
  }
}

function moduleUpload(name: string, source: string, metadata: Partial<Upload['metadata']>): Upload {
  const modules: Upload['modules'] = [{ name: 'index.js', type: 'esm', content: Buffer.from(source) }]
  return { name, metadata: { main_module: 'index.js', ...metadata }, modules }
}

async function pathUpload(
  name: string,
  path: string,
  metadata: Partial<Upload['metadata']>,
): Promise<Upload> {
  const { upload } = await buildApp({ path, bundleBytesMax: OPTIONS.bundleBytesMax.default })
  return { ...upload, name, metadata: { ...upload.metadata, ...metadata } }
}

function send(
  port: number,
  { path, method = 'GET', headers = {}, body }: FetchOptions & { path: string },
): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk as Buffer))
      response.on('error', reject)
      response.on('end', () => {
        const whole = Buffer.concat(chunks)
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: whole,
          text: whole.toString(),
          outcome: response.headers['x-vitrine-outcome'] as string | undefined,
        })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** Waits for what real processes do in their own time. */
export async function until<T>(probe: () => Promise<T> | T, waitMs = 10_000): Promise<NonNullable<T>> {
  const deadline = Date.now() + waitMs
  for (;;) {
    const value = await probe()
    if (value) return value
    if (Date.now() > deadline) throw new Error(`it did not come about within ${waitMs} ms: ${probe}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
