/**
 * Every setting of the platform: one table from which types, flags, environment variables, `vitrine.json`,
 * help and documentation derive. `--cpu-ms 50`, `VITRINE_CPU_MS=50` and `{"cpuMs": 50}` say the same; a flag
 * beats the environment, which beats the file. This is the only module that reads the environment.
 */
import { readFileSync } from 'node:fs'
import { VitrineError } from './errors.ts'

type Kind = 'integer' | 'number' | 'text' | 'list' | 'address' | 'boolean'

interface Option {
  kind: Kind
  default: unknown
  help: string
  unit?: string
  min?: number
  max?: number
  /** Another form of value that the option's reader understands. */
  form?: string
}

const int = (value: number, unit: string, help: string, { min = 1, max = 2 ** 31 - 1 } = {}) =>
  ({ kind: 'integer', default: value, unit, help, min, max }) as const

/** The settings, in the order in which help and documentation show them. */
export const OPTIONS = {
  listen: { kind: 'address', default: '0.0.0.0:3080', help: 'where apps are served' },
  control: { kind: 'address', default: '127.0.0.1:3081', help: 'control API and dashboard' },
  metrics: { kind: 'address', default: '0.0.0.0:9898', help: '/metrics, /healthz and /readyz' },
  store: {
    kind: 'text',
    default: 'sqlite:.vitrine/vitrine.db',
    help: 'where state is kept',
    form: 'sqlite:FILE',
  },
  apps: {
    kind: 'text',
    default: 'apps',
    help: 'a directory whose apps are deployed at start; empty for none',
    form: 'DIR',
  },
  domain: { kind: 'text', default: 'localhost', help: 'app NAME answers at NAME.<domain>' },
  runtimes: {
    kind: 'text',
    default: 'auto',
    help: 'how many runtime processes, or the addresses of remote ones',
    form: 'auto | N | H:P,…',
  },
  token: {
    kind: 'text',
    default: '',
    help: 'the control API asks for this bearer token; needed off loopback',
  },

  cpuMs: int(200, 'ms', 'CPU time of one request'),
  cpuMsMax: int(30_000, 'ms', 'the most that an app may ask for as cpu_ms'),
  startupCpuMs: int(1000, 'ms', 'CPU time of an app’s start-up'),
  memoryMb: int(128, 'MB', 'memory of an instance, ArrayBuffers and WebAssembly included', { min: 8 }),
  memoryMbMax: int(512, 'MB', 'the most that an app may ask for as memory_mb', { min: 8 }),
  wallMs: int(30_000, 'ms', 'wall time to the first byte of a response'),
  waitUntilMs: int(30_000, 'ms', 'how long waitUntil promises may go on after the response'),
  subrequests: int(50, 'requests', 'fetches that one request may make', { min: 0 }),
  subrequestsAtOnce: int(6, 'requests', 'fetches that one request may have under way at once'),
  subrequestTimeoutMs: int(100_000, 'ms', 'how long a subrequest may be silent'),
  requestBodyBytesMax: int(100 * 2 ** 20, 'bytes', 'the longest request body', { min: 0 }),
  bundleBytesMax: int(25 * 2 ** 20, 'bytes', 'the largest bundle'),
  queueMax: int(1000, 'requests', 'requests in flight or queued for one app'),
  platformQueueMax: int(20_000, 'requests', 'requests in flight or queued for all apps'),
  queueMs: int(10_000, 'ms', 'how long a request may wait for an instance'),
  idleMs: int(120_000, 'ms', 'an instance without requests for this long is drained'),
  appsMax: int(1000, 'apps', 'apps in memory; beyond it the least recently used is drained'),
  instancesMax: int(4, 'instances', 'instances of one app'),
  logLinesPerRequest: int(256, 'lines', 'console lines of one request', { min: 0 }),
  logBytesPerRequest: int(65_536, 'bytes', 'console bytes of one request', { min: 0 }),
  timersMax: int(10_000, 'timers', 'timers of one instance'),
  responseHeaderBytesMax: int(65_536, 'bytes', 'headers of one response'),
  webSocketMessageBytesMax: int(2 ** 20, 'bytes', 'the longest message that a WebSocket receives'),
  webSocketIdleMs: int(300_000, 'ms', 'how long a WebSocket may be silent in both directions'),
  requestHeaderBytesMax: int(32_768, 'bytes', 'request line and headers of one request', { min: 1024 }),

  egressAllow: {
    kind: 'list',
    default: [] as string[],
    help: 'address ranges that fetch() may reach besides public ones',
    form: 'CIDR,…',
  },
  traceContext: {
    kind: 'boolean',
    default: true,
    help: 'logs name the trace of a request’s traceparent, and its subrequests carry it on (off: --trace-context=false)',
  },
  prewarm: int(2, 'isolates', 'isolates that each runtime keeps ready', { min: 0, max: 64 }),
  runtimeRssMb: int(2048, 'MB', 'a runtime process above this is killed', { min: 128 }),
  platformRssMb: int(
    0,
    'MB',
    'all processes together above this end idle instances, then the largest runtime; 0: 80 % of the machine’s memory',
    { min: 0 },
  ),
  spareRuntimes: int(
    1,
    'runtimes',
    'runtime processes kept ready to take a dead one’s place, once one is in trouble, and one for an app that is to run alone, once there has been any; 0: none',
    { min: 0, max: 16 },
  ),
  solitaryRuntimes: int(
    4,
    'runtimes',
    'runtime processes of their own for quarantined apps, at most; 0: they are only kept apart',
    { min: 0, max: 64 },
  ),
  backgroundNice: int(
    15,
    'nice',
    'by how much apps that use much CPU time, and quarantined ones, yield to others, in runtime processes of their own, and by two thirds of it all apps’ threads to those that carry requests; 0: not at all',
    { min: 0, max: 19 },
  ),
  backgroundBundleMb: int(
    8,
    'MB',
    'an app whose bundle is longer starts where apps are that use much CPU time, if others are at work: to hand its code over takes what all apps of a runtime share',
    { min: 1 },
  ),
  renewMb: int(
    128,
    'MB',
    'a calm runtime that holds so much more memory than its apps is replaced, once they have gone elsewhere; 0: never',
    { min: 0 },
  ),
  quarantineMs: int(600_000, 'ms', 'good conduct for this long ends an app’s quarantine', { min: 1000 }),
  heartbeatMs: int(500, 'ms', 'between heartbeats of a runtime', { min: 50 }),
  heartbeatMisses: int(8, 'heartbeats', 'missed in a row before a runtime is killed'),
  killGraceMs: int(
    250,
    'ms',
    'how long an isolate that has a core may take to end before its runtime is killed',
  ),
  stopGraceMs: int(30_000, 'ms', 'how long requests in flight may take when the platform stops', { min: 0 }),
  connectionsMax: int(20_000, 'connections', 'client connections'),
  pipelineMax: int(32, 'requests', 'requests that one connection may have under way at once'),
  headersMs: int(10_000, 'ms', 'how long a client may take to send the headers of a request'),
  keepAliveMs: int(65_000, 'ms', 'how long a client’s connection stays open between requests'),
  clientIdleMs: int(60_000, 'ms', 'how long a client may stall in the middle of a body, sent or received'),
  routeCacheMax: int(20_000, 'routes', 'looked-up hosts and paths remembered'),
  negativeCacheMs: int(5000, 'ms', 'how long an unknown host is remembered as unknown'),
  startsAtOnce: int(16, 'instances', 'instances that may be starting at once; others wait'),
  bundleCacheMb: int(64, 'MB', 'bundles kept in memory for the next cold start', { min: 0 }),
  cacheMb: int(64, 'MB', 'responses that apps keep in `caches`, in all; 0: none', { min: 0 }),
  cacheAppMb: int(16, 'MB', 'the same, of one app'),
  cacheEntryBytesMax: int(8 * 2 ** 20, 'bytes', 'the longest body of one of these responses'),
  storeWritesMax: int(10_000, 'writes', 'changes that may wait for the database'),
  bundleModulesMax: int(2000, 'modules', 'modules of one bundle'),
  deploysAtOnce: int(4, 'deploys', 'deploys that may be received and tried at once; others wait'),
  controlConnectionsMax: int(1000, 'connections', 'connections to the control API'),
  tailsMax: int(100, 'readers', 'readers that may follow apps’ logs at once'),
  tailBufferBytesMax: int(
    2 ** 20,
    'bytes',
    'kept for a reader of logs that is slow; beyond it lines are dropped',
  ),
  generationPollMs: int(500, 'ms', 'between looks for another process’ deploys', { min: 10 }),

  metricsMaxApps: int(1000, 'apps', 'apps with metric series of their own; the rest are summed as _other'),
  accessLogSample: {
    kind: 'number',
    default: 1,
    min: 0,
    max: 1,
    help: 'share of requests with an access line',
  },
  accessLogQuery: { kind: 'boolean', default: false, help: 'access lines show the query, secrets and all' },
  logLevel: {
    kind: 'text',
    default: 'info',
    help: 'least level of the platform’s log',
    form: 'debug | info | warn | error',
  },
  logTextCharsMax: int(8192, 'characters', 'the longest text in a log line; the rest is cut off', {
    min: 256,
  }),
  logBufferBytesMax: int(8 * 2 ** 20, 'bytes', 'log lines that wait for a slow stdout; more are dropped', {
    min: 65_536,
  }),
  watch: { kind: 'boolean', default: false, help: 'redeploy an app under --apps when its files change' },
} as const satisfies Record<string, Option>

type Value<O extends Option> = O['kind'] extends 'integer' | 'number'
  ? number
  : O['kind'] extends 'boolean'
    ? boolean
    : O['kind'] extends 'list'
      ? readonly string[]
      : O['kind'] extends 'address'
        ? Address
        : string

export type Config = { readonly [K in keyof typeof OPTIONS]: Value<(typeof OPTIONS)[K]> }
export type OptionName = keyof Config

/** Where to listen. Port 0 takes a free one. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** `cpuMs` → `cpu-ms`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}

/** `cpuMs` → `VITRINE_CPU_MS`. */
export function variableOf(name: string): string {
  return `VITRINE_${flagOf(name).replaceAll('-', '_').toUpperCase()}`
}

/** Environment variables that are the command line's, not settings of the platform. */
const CLIENT_VARIABLES = new Set(['VITRINE_URL', 'VITRINE_CONFIG'])

interface Sources {
  /** By option name, as text or, for booleans, `true`. */
  flags?: Partial<Record<OptionName, string | boolean>>
  env?: Record<string, string | undefined>
  /** A JSON file; it need not exist unless it is named by `VITRINE_CONFIG`. Default `vitrine.json`. */
  file?: string
}

/** Merges, validates and freezes the settings. Throws `CONFIG_INVALID` naming the first that is wrong. */
export function loadConfig({
  flags = {},
  env = {},
  file = env.VITRINE_CONFIG ?? 'vitrine.json',
}: Sources = {}): Config {
  const fromFile = readFile(file, env.VITRINE_CONFIG !== undefined)
  rejectUnknown(Object.keys(fromFile), Object.keys(OPTIONS), name => `Unknown setting "${name}" in ${file}`)
  const variables = Object.keys(OPTIONS).map(variableOf)
  const set = Object.keys(env).filter(name => name.startsWith('VITRINE_') && !CLIENT_VARIABLES.has(name))
  rejectUnknown(set, variables, name => `Unknown environment variable ${name}`)

  const config: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(OPTIONS) as [OptionName, Option][]) {
    const variable = variableOf(name)
    if (flags[name] !== undefined) config[name] = read(option, flags[name], `--${flagOf(name)}`)
    else if (env[variable] !== undefined) config[name] = read(option, env[variable], variable)
    else if (name in fromFile) config[name] = read(option, fromFile[name], `"${name}" in ${file}`)
    else config[name] = option.kind === 'address' ? read(option, option.default, name) : option.default
  }
  refuseOpenControl(config as Config)
  return Object.freeze(config) as Config
}

/** Whoever reaches the control API can run code here: beyond this machine that takes a token. */
function refuseOpenControl({ control: { host, port }, token }: Config) {
  if (token !== '' || host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)) return
  throw new VitrineError(
    'CONFIG_INVALID',
    `The control API on ${host}:${port} would be open to the network: set --token (VITRINE_TOKEN), or use --control 127.0.0.1:${port}`,
  )
}

function readFile(file: string, required: boolean): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new VitrineError('CONFIG_INVALID', `Cannot read ${file}: ${(error as Error).message}`)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch (error) {
    // It quotes the file, which may be of any bytes.
    const reason = (error as Error).message.replace(/[\0-\x1f\x7f-\x9f]/g, '\ufffd')
    throw new VitrineError('CONFIG_INVALID', `${file} is not JSON: ${reason}`)
  }
  throw new VitrineError('CONFIG_INVALID', `${file} must hold one JSON object`)
}

function rejectUnknown(names: string[], known: string[], sentence: (name: string) => string) {
  for (const name of names) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    throw new VitrineError('CONFIG_INVALID', `${sentence(name)}${near ? `; did you mean ${near}?` : ''}`)
  }
}

/** The known name that differs in the fewest letters, if the difference looks like a slip. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 4)) + 1
  for (const candidate of known) {
    if (Math.abs(name.length - candidate.length) >= bestDistance) continue
    const distance = editDistance(name, candidate)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Levenshtein's distance, in one row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}

function read(option: Option, raw: unknown, source: string): unknown {
  const fail = (wanted: string): never => {
    throw new VitrineError('CONFIG_INVALID', `${source} must be ${wanted}, not ${JSON.stringify(raw)}`)
  }
  switch (option.kind) {
    case 'integer':
    case 'number': {
      const value = typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw
      const { min = -Infinity, max = Infinity } = option
      const whole = option.kind === 'integer'
      if (
        typeof value !== 'number' ||
        !(value >= min && value <= max) ||
        (whole && !Number.isInteger(value))
      ) {
        return fail(
          `a ${whole ? 'whole ' : ''}number from ${min} to ${max}${option.unit ? ` (${option.unit})` : ''}`,
        )
      }
      return value
    }
    case 'boolean':
      if (raw === true || raw === 'true' || raw === '1') return true
      if (raw === false || raw === 'false' || raw === '0') return false
      return fail('true or false')
    case 'list': {
      const items =
        typeof raw === 'string'
          ? raw
              .split(',')
              .map(item => item.trim())
              .filter(Boolean)
          : raw
      if (!Array.isArray(items) || !items.every(item => typeof item === 'string'))
        return fail('a list of texts')
      return Object.freeze([...items])
    }
    case 'address':
      return typeof raw === 'string' ? (parseAddress(raw) ?? fail('host:port')) : fail('host:port')
    case 'text':
      return typeof raw === 'string' ? raw : typeof raw === 'number' ? String(raw) : fail('a text')
  }
}

/** Reads `host:port`, `[::1]:port`, `:port` or `port`. */
export function parseAddress(text: string): Address | null {
  const match = /^(?:(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):)?(\d{1,5})$/i.exec(text)
  if (!match) return null
  const port = Number(match[3])
  return port > 65_535 ? null : Object.freeze({ host: match[1] ?? (match[2] || '0.0.0.0'), port })
}
