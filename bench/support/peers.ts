/** What Vitrine is compared with: workerd and Miniflare, which run the same files, and servers without any isolation. */
import { copyFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ServerProcess, temporaryDirectory } from './server-process.ts'
import type { Target } from './target.ts'

const workerd = createRequire(import.meta.url)('workerd') as {
  /** Path of the program. */
  default: string
  version: string
  compatibilityDate: string
}

export const WORKERD_VERSION = workerd.version

const BARE_SERVER = fileURLToPath(new URL('./bare-server.ts', import.meta.url))

const MINIFLARE_SERVER = fileURLToPath(new URL('./miniflare-server.ts', import.meta.url))

export interface Peer extends AsyncDisposable {
  readonly target: Target
}

/** Serves one file with workerd; it may reach this machine. */
export async function startWorkerd(file: string): Promise<Peer> {
  const directory = temporaryDirectory()
  const config = join(directory, 'config.capnp')
  await copyFile(file, join(directory, 'index.js'))
  await writeFile(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "app", worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = "${workerd.compatibilityDate}"
    )),
    (name = "internet", network = (allow = ["public", "private"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "app")]
);
`,
  )
  return await start(new ServerProcess(workerd.default, ['serve', '--control-fd=1', config], { directory }))
}

/** Serves one file with Miniflare: workerd behind what its developers put before it. */
export async function startMiniflare(file: string): Promise<Peer> {
  return await start(new ServerProcess(process.execPath, [MINIFLARE_SERVER, file, workerd.compatibilityDate]))
}

/** Answers what apps/hello.js answers. */
export async function startBare(kind: 'fastify' | 'http'): Promise<Peer> {
  return await start(new ServerProcess(process.execPath, [BARE_SERVER, kind]))
}

async function start(server: ServerProcess): Promise<Peer> {
  try {
    const { found: port } = await server.ready(printedPort)
    return {
      target: { process: server, port, host: 'localhost' },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

/** In workerd's words: `{"event":"listen","socket":"http","port":40123}`. */
function printedPort(output: string): number | null {
  const port = /"port":(\d+)/.exec(output)?.[1]
  return port === undefined ? null : Number(port)
}
