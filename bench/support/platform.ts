/** Vitrine as its users run it: the command line's `serve`, with a store of its own and free ports. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { encodeUpload } from '../../src/build/upload.ts'
import { ServerProcess, temporaryDirectory } from './server-process.ts'
import type { Target } from './target.ts'

/** The command `vitrine`, as package.json names it. */
const COMMAND = fileURLToPath(new URL('../../src/cli/bin.mjs', import.meta.url))
const DEPLOY_MS_MAX = 60_000

export interface PlatformOptions {
  /** As on the command line, besides addresses and store. */
  flags?: readonly string[]
  /** Of Node itself. */
  nodeFlags?: readonly string[]
  /** Environment variables of the process, besides PATH. */
  env?: Record<string, string>
  /** Fills the store before the start. */
  prepare?: (file: string) => Promise<void>
}

export class Platform implements AsyncDisposable {
  readonly process: ServerProcess
  readonly appsPort: number
  readonly controlUrl: string
  readonly metricsUrl: string
  /** From the start of the process to its readiness. */
  readonly startMs: number

  private constructor(process: ServerProcess, { apps, control, metrics }: Urls, startMs: number) {
    this.process = process
    this.appsPort = Number(new URL(apps).port)
    this.controlUrl = control
    this.metricsUrl = metrics
    this.startMs = startMs
  }

  static async start({ prepare, ...options }: PlatformOptions = {}): Promise<Platform> {
    const directory = temporaryDirectory()
    const file = join(directory, 'vitrine.db')
    await prepare?.(file)
    return await Platform.open(file, { ...options, directory })
  }

  /** Starts on a store that is there already. */
  static async open(
    file: string,
    {
      flags = [],
      nodeFlags = [],
      env,
      directory,
    }: Omit<PlatformOptions, 'prepare'> & { directory?: string } = {},
  ): Promise<Platform> {
    const anyPort = ['listen', 'control', 'metrics'].flatMap(name => [`--${name}`, '127.0.0.1:0'])
    const args = [
      ...nodeFlags,
      COMMAND,
      'serve',
      ...anyPort,
      '--store',
      `sqlite:${file}`,
      '--apps=',
      ...flags,
    ]
    const child = new ServerProcess(process.execPath, args, { directory, env })
    try {
      const { found, ms } = await child.ready(printedUrls)
      return new Platform(child, found, ms)
    } catch (error) {
      await child[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Deploys a file by the command line. */
  async deploy(name: string, file: string): Promise<Target> {
    const env = { PATH: process.env.PATH, VITRINE_URL: this.controlUrl }
    const args = [COMMAND, 'deploy', file, '--name', name]
    await promisify(execFile)(process.execPath, args, { env, timeout: DEPLOY_MS_MAX })
    return this.app(name)
  }

  /** Deploys one module by the control API; resolves to how long that took, in ms. */
  async upload(name: string, source: string): Promise<number> {
    const body = encodeUpload({
      name,
      metadata: { main_module: 'index.js' },
      modules: [{ name: 'index.js', type: 'esm', content: Buffer.from(source) }],
    })
    const began = performance.now()
    const signal = AbortSignal.timeout(DEPLOY_MS_MAX)
    const response = await fetch(new URL(`/api/v1/apps/${name}`, this.controlUrl), {
      method: 'PUT',
      body,
      signal,
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`deploying ${name} ended with ${response.status}: ${text}`)
    return performance.now() - began
  }

  app(name: string): Target {
    return { process: this.process, port: this.appsPort, host: `${name}.localhost` }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]()
  }
}

interface Urls {
  apps: string
  control: string
  metrics: string
}

/** What `serve` prints when it is up. */
function printedUrls(output: string): Urls | null {
  const url = (label: string) => new RegExp(`^ +${label} +(http\\S+)$`, 'm').exec(output)?.[1]
  const [apps, control, metrics] = [url('apps'), url('control'), url('metrics')]
  return apps && control && metrics ? { apps, control, metrics } : null
}
