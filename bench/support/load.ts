/** Load by wrk, and what it costs the server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Target } from './target.ts'

export interface LoadOptions {
  connections: number
  seconds: number
  /** Default GET. */
  method?: 'GET' | 'POST'
  /** Default 0. */
  bodyBytes?: number
}

export interface Load {
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** CPU time of all the server's processes for each request, in microseconds. */
  cpuUs: number
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

/** wrk lets requests in flight end before it reports. */
const LATE_MS_MAX = 10_000

/** Rejects if wrk is missing or a request fails: a rate of failures says nothing. */
export async function load(
  { process, port, host }: Target,
  { connections, seconds, method = 'GET', bodyBytes = 0 }: LoadOptions,
): Promise<Load> {
  const cpuBefore = process.cpuMs()
  const report = await wrk(
    [
      ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
      ...['--timeout', '10s', '--header', `Host: ${host}`, '--script', SCRIPT],
      ...[`http://127.0.0.1:${port}/`, '--', method, String(bodyBytes)],
    ],
    seconds * 1000 + LATE_MS_MAX,
  )
  const cpuMs = process.cpuMs() - cpuBefore
  process.emptyLog()
  if (report.broken + report.refused > 0) {
    throw new Error(`${report.broken} requests to ${host} broke and ${report.refused} were refused`)
  }
  return {
    perSecond: report.requests / (report.durationUs / 1e6),
    p50Ms: report.p50Us / 1000,
    p99Ms: report.p99Us / 1000,
    cpuUs: (cpuMs * 1000) / report.requests,
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
