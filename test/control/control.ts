/** A control API on a real socket, with a store in memory and a platform that starts whatever it is given. */
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { encodeUpload, type UploadMetadata } from '../../src/build/upload.ts'
import type { BundleModule } from '../../src/bundle.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import { Deployments } from '../../src/control/deployments.ts'
import type { Platform } from '../../src/control/platform.ts'
import { createControl } from '../../src/control/server.ts'
import type { SchedulerStats } from '../../src/scheduler/stats.ts'
import { StackMapper } from '../../src/stack-mapper.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'

export const PHASES = { isolate: 1, compile: 2, evaluate: 3 }

export interface ControlUnderTest {
  url: string
  port: number
  store: Store
  deployments: Deployments
  /** What the platform was told, like `changed hello redeployed`. */
  told: string[]
  errors: unknown[]
  /** The answer's status and JSON. */
  call(method: string, path: string, body?: unknown): Promise<Answer>
  deploy(app: string, upload?: Partial<TestUpload>): Promise<Answer>
  close(): Promise<void>
}

export interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, each in its own way
  json: any
}

export interface TestUpload {
  metadata: UploadMetadata
  modules: BundleModule[]
}

export const HELLO: TestUpload = {
  metadata: { main_module: 'index.js' },
  modules: [{ name: 'index.js', type: 'esm', content: Buffer.from('export default { fetch() {} }') }],
}

export const NOTHING_LOADED: SchedulerStats = {
  apps: [],
  runtimes: [],
  routeCache: { hit: 0, miss: 0, negative: 0 },
  appCache: { hit: 0, miss: 0 },
  inFlight: 0,
  queued: 0,
  quarantine: [],
  inBackground: 0,
  spareRuntimes: 0,
  bundleCacheBytes: 0,
  generation: 0,
  generationAppliedAt: 0,
}

export async function startControl(
  t: TestContext,
  options: { config?: Partial<Config>; platform?: Partial<Platform>; store?: Store } = {},
): Promise<ControlUnderTest> {
  const config: Config = { ...loadConfig({ file: '/nonexistent' }), ...options.config }
  const store = options.store ?? (await openStore('sqlite::memory:'))
  const told: string[] = []
  const errors: unknown[] = []
  const platform: Platform = {
    verify: async app => {
      told.push(`verify ${app}`)
      return { outcome: 'ok', phasesMs: PHASES, handlers: ['fetch'] }
    },
    changed: (app, reason) => void told.push(`changed ${app} ${reason}`),
    releaseApp: app => {
      told.push(`release ${app}`)
      return true
    },
    stats: () => NOTHING_LOADED,
    lookup: async () => null,
    ...options.platform,
  }
  const stacks = new StackMapper()
  const deployments = new Deployments({ config, store, platform, stacks })
  const log = { error: (fields: object) => void errors.push(fields) }
  const server = await createControl({ config, store, platform, deployments, appsPort: () => 3080, log })
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const close = () => server.close()
  t.after(async () => {
    server.server.closeAllConnections()
    await close()
    await store[Symbol.asyncDispose]()
    await stacks[Symbol.asyncDispose]()
  })

  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const isJson = body !== undefined && !(body instanceof FormData)
    const response = await fetch(`${url}/api/v1/${path}`, {
      method,
      body: isJson ? JSON.stringify(body) : (body as FormData | undefined),
      headers: {
        ...(isJson && { 'content-type': 'application/json' }),
        ...(config.token !== '' && { authorization: `Bearer ${config.token}` }),
      },
    })
    return { status: response.status, json: await response.json() }
  }
  const deploy = (app: string, upload: Partial<TestUpload> = {}) =>
    call('PUT', `apps/${app}`, encodeUpload({ name: app, ...HELLO, ...upload }))
  return { url, port, store, deployments, told, errors, call, deploy, close }
}

export function module(name: string, text = '', type: BundleModule['type'] = 'esm'): BundleModule {
  return { name, type, content: Buffer.from(text) }
}
