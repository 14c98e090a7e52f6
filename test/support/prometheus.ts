/** Real Prometheus and node_exporter for a test, on free ports and in a directory of their own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Whether a program is installed; a test that needs it says so and is skipped where it is not. */
export function installed(t: TestContext, ...programs: string[]): boolean {
  const missing = programs.filter(program => spawnSync(program, ['--version']).error)
  if (missing.length > 0) t.skip(`not installed here: ${missing.join(', ')}`)
  return missing.length === 0
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

function start(t: TestContext, program: string, args: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  return child
}

/** Asks until `done` is satisfied; what it asks is not there yet while processes start. */
async function until<T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> {
  for (const giveUpAt = Date.now() + 30_000; Date.now() < giveUpAt; ) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined && done(answer)) return answer
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error('what the test waits for has not come in 30 s')
}

export interface Prometheus {
  /** Asks its HTTP API; `path` begins after `/api/v1/`. Rejects with what it says is wrong. */
  ask<T>(path: string): Promise<T>
}

/**
 * Starts Prometheus with the repository's prometheus.yml and rules, changed in nothing but where the targets are
 * and how often they are asked, and node_exporter. Resolves when both targets have been scraped.
 */
export async function startPrometheus(t: TestContext, vitrinePort: number): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-prometheus-'))
  const [port, nodePort] = [await freePort(), await freePort()]
  const config = readFileSync(join(ROOT, 'prometheus.yml'), 'utf8')
    .replace('localhost:9898', `localhost:${vitrinePort}`)
    .replace('localhost:9100', `localhost:${nodePort}`)
    .replace('localhost:9090', `localhost:${port}`)
    .replace('scrape_interval: 15s', 'scrape_interval: 1s')
    .replace('scrape_timeout: 10s', 'scrape_timeout: 1s')
  writeFileSync(join(directory, 'prometheus.yml'), config)
  cpSync(join(ROOT, 'alerts'), join(directory, 'alerts'), { recursive: true })

  start(t, 'prometheus-node-exporter', [`--web.listen-address=127.0.0.1:${nodePort}`])
  const prometheus = start(t, 'prometheus', [
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ])
  t.after(async () => {
    if (prometheus.exitCode === null && prometheus.signalCode === null) {
      await new Promise(resolve => prometheus.once('exit', resolve))
    }
    rmSync(directory, { recursive: true })
  })

  const ask = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
    const { data, error } = (await response.json()) as { data: T; error?: string }
    if (error) throw new Error(error)
    return data
  }
  type Up = { result: { value: [number, string] }[] }
  const scraped = (job: string) =>
    until(
      () => ask<Up>(`query?query=up{job="${job}"}`),
      ({ result }) => result[0]?.value[1] === '1',
    )
  await Promise.all([scraped('vitrine'), scraped('node')])
  return { ask }
}
