/** Load by wrk, and what it costs the server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Target } from './target.ts'
import { residentBytes } from './usage.ts'

export interface LoadOptions {
  connections: number
  seconds: number
  /** Default GET. */
  method?: 'GET' | 'POST'
  /** Default 0. */
  bodyBytes?: number
  /** Default `/`. */
  path?: string
  headers?: Readonly<Record<string, string>>
  /** So many apps, `app-0` and on, instead of the target's: the nth is asked for 1/n as often as the first. */
  zipfApps?: number
  /** Whether requests may fail, and are counted in `failed`. */
  mayFail?: boolean
}

export interface Load {
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** CPU time of all the server's processes for each request, in microseconds. */
  cpuUs: number
  /** Resident memory of all of them, the most that was seen. */
  rssMb: number
  /** Requests that broke or were refused. */
  failed: number
}

interface Report {
  requests: number
  durationUs: number
  p50Us: number
  p99Us: number
  /** Requests that got no response, and responses with a status of 400 or more. */
  broken: number
  refused: number
}

const SCRIPT = fileURLToPath(new URL('./load.lua', import.meta.url))

/** Of load that does not count, until a server has compiled what it runs. */
export const WARM_UP_SECONDS = 2

/** Between looks at the server's memory. */
const RSS_POLL_MS = 200

/** wrk lets requests in flight end before it reports. */
const LATE_MS_MAX = 10_000

/** Rejects if wrk is missing or a request fails that may not: a rate of failures says nothing. */
export async function load({ process, port, host }: Target, options: LoadOptions): Promise<Load> {
  const { connections, seconds, method = 'GET', bodyBytes = 0, path = '/', headers = {} } = options
  const { zipfApps = 0, mayFail = false } = options
  let rssBytes = 0
  const watch = setInterval(() => {
    rssBytes = Math.max(rssBytes, residentBytes(process.pids))
  }, RSS_POLL_MS)
  const cpuBefore = process.cpuMs()
  const report = await wrk(
    [
      ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
      ...['--timeout', '10s', '--header', `Host: ${host}`, '--script', SCRIPT],
      ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
      ...[`http://127.0.0.1:${port}${path}`, '--', method, String(bodyBytes), String(zipfApps)],
    ],
    seconds * 1000 + LATE_MS_MAX,
  ).finally(() => clearInterval(watch))
  const cpuMs = process.cpuMs() - cpuBefore
  process.emptyLog()
  const failed = report.broken + report.refused
  if (failed > 0 && !mayFail) {
    throw new Error(`${report.broken} requests to ${host} broke and ${report.refused} were refused`)
  }
  return {
    perSecond: report.requests / (report.durationUs / 1e6),
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
    cpuUs: (cpuMs * 1000) / report.requests,
    rssMb: rssBytes / 1e6,
    failed,
  }
}

async function wrk(args: string[], msMax: number): Promise<Report> {
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => (output += text))
  child.stderr.setEncoding('utf8').on('data', text => (output += text))
  try {
    await once(child, 'close')
  } catch (cause) {
    throw new Error('The load comes from wrk, which is not there: install it (Debian: apt install wrk)', {
      cause,
    })
  }
  const json = /^\{.*\}$/m.exec(output)?.[0]
  if (json === undefined) throw new Error(`wrk failed:\n${output}`)
  return JSON.parse(json) as Report
}
