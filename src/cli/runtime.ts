/**
 * `vitrine runtime`: a runtime process of its own, for the scheduler of a platform elsewhere.
 *
 * An app can force a runtime to kill itself. It is started again at once, and after deaths in a row with a delay
 * that doubles.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ResponseCache } from '../cache/cache.ts'
import { type Address, type Config, flagOf, loadConfig, type OptionName } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { runtimeFlags } from '../runtime/flags.ts'
import { loadPrelude } from '../runtime/prelude.ts'
import { configuredSettings, type RuntimeSettings, writeSettings } from '../runtime/settings.ts'
import { TlsRelay } from '../tls/relay.ts'
import type { Command, Invocation } from './command.ts'
import { SETTING_OPTIONS, settingsOf } from './serve.ts'
import type { Terminal } from './terminal.ts'

const RESTART_MS_MIN = 100
const RESTART_MS_MAX = 10_000
/** A runtime that has lived for this long was healthy: its death is the first of a row. */
const HEALTHY_MS = 60_000

/** The settings that a runtime has. */
const SETTINGS = [
  'listen',
  'token',
  'memoryMb',
  'prewarm',
  'killGraceMs',
  'subrequestTimeoutMs',
  'egressAllow',
  'traceContext',
  'cacheMb',
  'cacheAppMb',
  'cacheEntryBytesMax',
] as const satisfies OptionName[]

export const runtimeCommand: Command = {
  name: 'runtime',
  summary: 'Run a runtime that a platform elsewhere uses: "vitrine serve --runtimes H:P" there',
  positionals: [],
  options: {
    ...Object.fromEntries(SETTINGS.map(name => [flagOf(name), SETTING_OPTIONS[flagOf(name)]!])),
    listen: { value: 'H:P', help: 'where to listen' },
    token: { value: 'TEXT', help: 'what a scheduler must say; needed off loopback' },
  },
  examples: ['VITRINE_TOKEN=… vitrine runtime --listen 10.0.0.5:7070'],
  run,
}

async function run(invocation: Invocation): Promise<void> {
  const flags = settingsOf(invocation)
  if (flags.listen === undefined)
    throw new VitrineError('USAGE', 'vitrine runtime needs --listen H:P: the address where it is to be found')
  const config = loadConfig({ flags, env: invocation.env })
  if (config.token === '' && !/^(?:127\.|::1$|localhost$)/.test(config.listen.host))
    throw new VitrineError(
      'USAGE',
      'A runtime off loopback needs a token: set VITRINE_TOKEN, here and at the platform',
    )

  const stopped = new AbortController()
  const stop = () => stopped.abort()
  process.on('SIGINT', stop).on('SIGTERM', stop)
  try {
    await keepRunning(config, invocation.terminal, stopped.signal)
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

/** Until `signal` aborts. Rejects if the first start fails already. */
async function keepRunning(config: Config, terminal: Terminal, signal: AbortSignal): Promise<void> {
  let listen = config.listen
  let wasReady = false
  let restartMs = RESTART_MS_MIN
  const prelude = await loadPrelude()
  await using cache = config.cacheMb > 0 ? await ResponseCache.open({ config }) : null
  await using tls = await TlsRelay.open({
    nice: 0,
    onEnded: how => terminal.note(`The process for TLS ended (${how})`),
  })
  const started = { prelude, cache: cache?.address ?? null, tls: tls.address }
  while (!signal.aborted) {
    const startedAt = performance.now()
    const child = start(config, { listen, ...started })
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    // Whatever an app does to it, this ends it; schedulers send what it was doing elsewhere.
    const stop = () => void child.kill('SIGKILL')
    signal.addEventListener('abort', stop)
    const port = await readyPort(child)
    if (port !== null && !wasReady) {
      wasReady = true
      // One that takes its place listens where this one was told to be.
      listen = { host: listen.host, port: port || listen.port }
      terminal.print(`A runtime listens on ${listen.host}:${listen.port}. Ctrl-C stops it.`)
    }
    const [code, killedBy] = await ended
    signal.removeEventListener('abort', stop)
    if (signal.aborted) return
    const how = killedBy ?? `exit code ${code}`
    if (!wasReady)
      throw new VitrineError('LISTEN_FAILED', `The runtime did not start (${how}): see what it says above`)
    if (performance.now() - startedAt > HEALTHY_MS) restartMs = RESTART_MS_MIN
    terminal.note(`The runtime ended (${how}); starting another in ${restartMs} ms`)
    await sleep(restartMs, undefined, { signal }).catch(() => undefined)
    restartMs = Math.min(restartMs * 2, RESTART_MS_MAX)
  }
}

function start(
  config: Config,
  { listen, prelude, cache, tls }: { listen: Address } & Pick<RuntimeSettings, 'prelude' | 'cache' | 'tls'>,
): ChildProcess {
  const program = fileURLToPath(new URL('../runtime/process.ts', import.meta.url))
  const settings = { ...configuredSettings(config), listen, token: config.token, prelude, cache, tls }
  const child = spawn(process.execPath, [...runtimeFlags(null), program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {},
  })
  // Writing to a process that has just died is no error of ours.
  child.stdin.on('error', () => {})
  writeSettings(child.stdin, settings)
  return child
}

/** The port of the line that a runtime prints when it listens; null if it ends before that. */
async function readyPort(child: ChildProcess): Promise<number | null> {
  let text = ''
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    const end = text.indexOf('\n')
    if (end === -1) continue
    child.stdout!.resume()
    return (JSON.parse(text.slice(0, end)) as { port?: number }).port ?? 0
  }
  return null
}
