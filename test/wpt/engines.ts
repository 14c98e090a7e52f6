/** What tests run on: the platform, and the two that it is compared with. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ServerProcess, temporaryDirectory } from '../../bench/support/server-process.ts'
import { encodeUpload } from '../../src/build/upload.ts'
import { startTestPlatform } from '../support/platform.ts'
import type { Report } from './app-source.ts'

export interface Engine extends AsyncDisposable {
  /** Runs a script in service-worker syntax and resolves to what it answers to a request; never rejects. */
  run(source: string): Promise<Report>
}

export const ENGINES = {
  vitrine: startVitrine,
  workerd: startWorkerd,
  node: startNode,
} satisfies Record<string, (testMsMax: number) => Promise<Engine>>

export type EngineName = keyof typeof ENGINES

const failed = (error: string): Report => ({ error, subtests: [] })

/** The platform, without the limits that tests are not about. */
async function startVitrine(testMsMax: number): Promise<Engine> {
  const ms = String(testMsMax)
  const platform = await startTestPlatform({
    egressAllow: '127.0.0.1',
    cpuMs: ms,
    cpuMsMax: ms,
    wallMs: ms,
    memoryMb: '512',
    startupCpuMs: '10000',
    subrequests: '10000',
    subrequestsAtOnce: '1000',
    runtimes: '2',
    instancesMax: '1',
    logLinesPerRequest: '0',
    accessLogSample: '0',
  })
  let apps = 0
  return {
    async run(source) {
      const name = `test-${apps++}`
      const upload = encodeUpload({
        name,
        metadata: { body_part: 'test.js' },
        modules: [{ name: 'test.js', type: 'script', content: Buffer.from(source) }],
      })
      const url = new URL(`api/v1/apps/${name}`, platform.running.controlUrl)
      const deployed = await fetch(url, { method: 'PUT', body: upload })
      if (!deployed.ok) return failed(`it does not start: ${await deployed.text()}`)
      const answer = await platform.fetch(name)
      await platform.control(url.pathname, { method: 'DELETE' })
      if (answer.status === 200) return JSON.parse(answer.text) as Report
      return failed(`it ended with ${answer.outcome}`)
    },
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  }
}

/** What the platform does by itself for an app that has a `location`: it is the base of relative URLs. */
const FETCH_FROM_LOCATION = `{
  const { fetch } = globalThis
  globalThis.fetch = (input, init) =>
    fetch(typeof input === 'string' ? new URL(input, globalThis.location.href).href : input, init)
}
`

const workerd = createRequire(import.meta.url)('workerd') as { default: string; compatibilityDate: string }

const WORKERD_CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "app", worker = (
      serviceWorkerScript = embed "test.js",
      compatibilityDate = "${workerd.compatibilityDate}",
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "app")]
);
`

/** A process for each test. */
async function startWorkerd(testMsMax: number): Promise<Engine> {
  return {
    async run(source) {
      const directory = temporaryDirectory()
      await writeFile(join(directory, 'config.capnp'), WORKERD_CONFIG)
      await writeFile(join(directory, 'test.js'), FETCH_FROM_LOCATION + source)
      const args = ['serve', '--control-fd=1', join(directory, 'config.capnp')]
      await using server = new ServerProcess(workerd.default, args, { directory })
      try {
        const { found: port } = await server.ready(output => /"port":(\d+)/.exec(output)?.[1] ?? null)
        const signal = AbortSignal.timeout(testMsMax)
        return (await (await fetch(`http://127.0.0.1:${port}/`, { signal })).json()) as Report
      } catch (error) {
        return failed(`it ended with ${(error as Error).message}`)
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

const NODE_REQUEST = `
  let listener
  globalThis.self = globalThis
  globalThis.addEventListener = (_, given) => { listener = given }
  const [{ runInThisContext }, { readFileSync, writeFileSync }] = [require('node:vm'), require('node:fs')]
  for (const name of ['exports', 'module', 'require']) delete globalThis[name]
  runInThisContext(readFileSync(process.argv[1], 'utf8'))
  delete globalThis.addEventListener
  process.on('uncaughtException', () => {})
  listener({ respondWith: async answer => {
    writeFileSync(process.argv[1] + 'on', await (await answer).text())
    process.exit()
  } })
`

/** A process for each test. */
async function startNode(testMsMax: number): Promise<Engine> {
  const directory = temporaryDirectory()
  let scripts = 0
  return {
    async run(source) {
      const file = join(directory, `${scripts++}.js`)
      await writeFile(file, FETCH_FROM_LOCATION + source)
      try {
        // What the test prints is of no interest.
        await promisify(execFile)(process.execPath, ['-e', NODE_REQUEST, file], {
          timeout: testMsMax,
          maxBuffer: 2 ** 28,
        })
        return JSON.parse(await readFile(`${file}on`, 'utf8')) as Report
      } catch (error) {
        return failed(`it ended with ${(error as Error).message.split('\n')[0]}`)
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}
