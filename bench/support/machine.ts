/** Where and with what something was measured. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { WORKERD_VERSION } from './peers.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** One fact a line. */
export function describeMachine(): string[] {
  const processors = cpus()
  return [
    `${processors.length} cores, ${processors[0]?.model ?? 'of unknown model'}, ${Math.round(totalmem() / 2 ** 30)} GiB of memory, ${type()} ${release()}`,
    `Node ${process.versions.node} (V8 ${process.versions.v8}), isolated-vm ${version('isolated-vm')}, fastify ${version('fastify')}, workerd ${WORKERD_VERSION}, miniflare ${version('miniflare')}`,
    `commit ${commit()}, ${new Date().toISOString().slice(0, 10)}`,
  ]
}

function version(name: string): string {
  return (JSON.parse(readFileSync(`${ROOT}node_modules/${name}/package.json`, 'utf8')) as { version: string })
    .version
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--', 'src', 'package-lock.json') !== ''
    return git('rev-parse', '--short', 'HEAD') + (changed ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}
