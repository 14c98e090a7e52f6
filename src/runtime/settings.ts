/**
 * What a runtime process is told by its standard input: a line of JSON, then the sandbox's code as it is. The code is
 * long and goes to every runtime, also while others serve: it is made into bytes once, and nobody has to parse it.
 */
import type { Readable, Writable } from 'node:stream'
import type { Config } from '../config.ts'
import type { DoorAddress } from '../door.ts'
import type { Prelude } from './prelude.ts'

export interface RuntimeSettings {
  listen: { path: string } | { host: string; port: number }
  /** Schedulers must show it. */
  token: string
  prelude: Prelude
  /** Isolates kept ready. */
  prewarm: number
  /** Memory limit of those, in MB: the platform's default. */
  memoryMb: number
  /** How long an isolate may take to end, in ms. */
  killGraceMs: number
  /** How long a subrequest may be silent, in ms. */
  subrequestTimeoutMs: number
  /** Address ranges that apps may reach besides public ones. */
  egressAllow: readonly string[]
  /** Subrequests carry on the trace of the request that they are made for. */
  traceContext: boolean
  /** Where apps' caches lie; null: they keep nothing. */
  cache: DoorAddress | null
  /** Who makes TLS connections; null: nobody. */
  tls: DoorAddress | null
}

/** What the platform's options say of them. */
const CONFIGURED = [
  'prewarm',
  'memoryMb',
  'killGraceMs',
  'subrequestTimeoutMs',
  'egressAllow',
  'traceContext',
] as const satisfies (keyof Config & keyof RuntimeSettings)[]

export type ConfiguredSettings = Pick<Config, (typeof CONFIGURED)[number]>

export function configuredSettings(config: ConfiguredSettings): ConfiguredSettings {
  return Object.fromEntries(CONFIGURED.map(name => [name, config[name]])) as unknown as ConfiguredSettings
}

/** The line, with the lengths of the texts that follow it: the main script's, and those of the parts. */
interface Line extends Omit<RuntimeSettings, 'prelude'> {
  main: number
  parts: [name: string, length: number][]
}

const codes = new WeakMap<Prelude, Buffer>()

/** The sandbox's code is ASCII only. */
function codeOf(prelude: Prelude): Buffer {
  const code =
    codes.get(prelude) ?? Buffer.from(prelude.main + Object.values(prelude.parts).join(''), 'latin1')
  codes.set(prelude, code)
  return code
}

/** For who starts a runtime. */
export function writeSettings(stdin: Writable, { prelude, ...settings }: RuntimeSettings): void {
  const parts = Object.entries(prelude.parts).map(([name, text]): [string, number] => [name, text.length])
  const line: Line = { ...settings, main: prelude.main.length, parts }
  stdin.write(`${JSON.stringify(line)}\n`)
  stdin.write(codeOf(prelude))
}

/** For the runtime itself. What comes after the settings is thrown away. */
export function readSettings(stdin: Readable): Promise<RuntimeSettings> {
  const { promise, resolve } = Promise.withResolvers<RuntimeSettings>()
  const chunks: Buffer[] = []
  let have = 0
  let line: Line | null = null
  let need = Number.POSITIVE_INFINITY
  const read = (chunk: Buffer) => {
    chunks.push(chunk)
    have += chunk.length
    if (line === null && chunk.includes('\n')) {
      const text = Buffer.concat(chunks)
      const end = text.indexOf('\n') + 1
      line = JSON.parse(text.toString('utf8', 0, end)) as Line
      chunks.splice(0, chunks.length, text.subarray(end))
      have -= end
      need = line.parts.reduce((sum, [, length]) => sum + length, line.main)
    }
    if (line === null || have < need) return
    stdin.off('data', read)
    stdin.resume()
    resolve(settingsOf(line, Buffer.concat(chunks)))
  }
  stdin.on('data', read)
  return promise
}

function settingsOf({ main, parts, ...settings }: Line, code: Buffer): RuntimeSettings {
  const prelude: Prelude = { main: code.latin1Slice(0, main), parts: {} }
  let at = main
  for (const [name, length] of parts) {
    prelude.parts[name] = code.latin1Slice(at, at + length)
    at += length
  }
  return { ...settings, prelude }
}
