/** Serves one file with Miniflare, on a free port, for a compatibility date. */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'

/** What is needed of it. */
interface MiniflareModule {
  Miniflare: new (options: unknown) => { ready: Promise<URL> }
  /** Takes the options of its documentation. */
  convertV4MiniflareOptions: (options: Record<string, unknown>) => unknown
}

const { Miniflare, convertV4MiniflareOptions } = createRequire(import.meta.url)(
  'miniflare',
) as MiniflareModule

const [file, compatibilityDate] = process.argv.slice(2)
const options = {
  modules: true,
  modulesRoot: dirname(file!),
  scriptPath: file,
  compatibilityDate,
  host: '127.0.0.1',
  port: 0,
}
const { port } = await new Miniflare(convertV4MiniflareOptions(options)).ready
process.stdout.write(`${JSON.stringify({ port: Number(port) })}\n`)
