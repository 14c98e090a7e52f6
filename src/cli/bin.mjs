#!/usr/bin/env node
// The command `vitrine`. It runs on any Node: where the one that invoked it is older than the one Vitrine needs,
// which the package `node` brings along, it starts that one and hands on arguments, stdio, signals and exit code.
import { spawn } from 'node:child_process'
// By name only what every Node has: what an older one lacks would keep it from getting as far as to start the other.
import nodeModule, { createRequire } from 'node:module'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MAJOR = 26
const main = new URL('./main.ts', import.meta.url)

/**
 * What V8 takes when it starts only, by command.
 *
 * - Semi-spaces of 16 MiB and more grow full of requests that are over, 40 MB in all, and make none faster.
 * - Each process has four threads for V8's work beside it, however few cores there are: they keep its first thread, and
 *   everybody else's, from a core. Runtimes get as many as the process that starts them (runtime/flags.ts).
 */
const CORES = os.availableParallelism?.() ?? os.cpus().length
const WORKERS = `--v8-pool-size=${Math.min(4, Math.max(1, CORES - 1))}`
/** @type {Record<string, string[]>} */
const FLAGS = { serve: ['--max-semi-space-size=8', WORKERS], runtime: [WORKERS] }
const flags = missingFlags()

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR) restart(nodeOfPackage())
else {
  if (flags.length > 0) becomeItselfWith(flags)
  // Types are stripped and code compiled once, not at every start: that saves time, and the compiler's memory.
  nodeModule.enableCompileCache(
    fileURLToPath(new URL('../../node_modules/.cache/vitrine/compile', import.meta.url)),
  )
  await (await import(main.href)).main(process.argv.slice(2))
}

/** Those that whoever started this process has not set. */
function missingFlags() {
  // A channel to the parent would not live through it.
  if (process.channel) return []
  const given = process.execArgv.join(' ').replaceAll('_', '-')
  return (FLAGS[process.argv[2] ?? ''] ?? []).filter(flag => !given.includes(flag.split('=', 1)[0] ?? ''))
}

/**
 * Starts Node anew in this process. Where that cannot be, all goes on without the flags.
 * @param {string[]} flags
 */
function becomeItselfWith(flags) {
  try {
    const args = [process.execPath, ...flags, ...process.execArgv, ...process.argv.slice(1)]
    process.execve?.(process.execPath, args)
  } catch {}
}

function nodeOfPackage() {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node')
  } catch {
    process.stderr.write(
      `vitrine needs Node ${NODE_MAJOR}, and this is ${process.version}: run "npm ci", which brings it\n`,
    )
    process.exit(1)
  }
}

/** @param {string} node */
function restart(node) {
  const args = [...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  // The channel lets the child notice when this process is gone, however it ended.
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
  // A terminal sends its interrupt to the child as well: only what comes from elsewhere is handed on.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !onTerminal) child.kill(signal)
    })
  }
  child.on('error', error => {
    process.stderr.write(`vitrine cannot start ${node}: ${error.message}; run "npm ci" again\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal ? os.constants.signals[signal] : 0)))
}
