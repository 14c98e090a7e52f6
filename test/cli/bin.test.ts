import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BIN, finished, nextLine, startControl } from './support.ts'

const OLDER = fileURLToPath(new URL('older-node.mjs', import.meta.url))

/** Runs the shim as an older Node would: it believes so, and starts the Node of the package `node`. */
function shim(args: string[], env: Record<string, string> = {}) {
  return spawn(process.execPath, ['--import', OLDER, BIN, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** The first Node on the PATH that is older than the one we run on; null if there is none. */
function reallyOlder(): string | null {
  const major = (version: string) => Number(/^v(\d+)/.exec(version)?.[1])
  const candidates = (process.env.PATH ?? '').split(delimiter).map(directory => join(directory, 'node'))
  const isOlder = (node: string) =>
    major(execFileSync(node, ['--version'], { encoding: 'utf8' })) < major(process.version)
  return candidates.find(node => existsSync(node) && isOlder(node)) ?? null
}

const older = reallyOlder()

test('a Node that is older starts the one of the package', {
  skip: older === null && 'there is no older one on the PATH',
}, async () => {
  const { code, stdout, stderr } = await finished(
    spawn(older!, [BIN, '--version'], { env: {}, stdio: ['ignore', 'pipe', 'pipe'] }),
  )

  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('under an older Node the shim hands on arguments, output and exit code', async () => {
  const version = await finished(shim(['--version']))
  const wrong = await finished(shim(['deploy', '--nmae', 'a b']))

  assert.equal(version.code, 0)
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /did you mean --name\?\n$/)
})

test('under an older Node the shim hands on signals', async () => {
  await using control = await startControl({
    'GET /apps/hello/tail': (_request, response) => {
      response.writeHead(200)
      response.write('{"n":1}\n')
    },
  })
  const child = shim(['tail', 'hello', '--json'], control.env)
  const done = finished(child)
  await nextLine(child)

  child.kill('SIGTERM')

  assert.equal((await done).code, 0)
})

test('what the shim started ends when the shim is killed', async () => {
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
  await using control = await startControl({
    'GET /apps/hello/tail': (request, response) => {
      request.socket.on('close', () => onClosed())
      response.writeHead(200)
      response.write('{"n":1}\n')
    },
  })
  const child = shim(['tail', 'hello', '--json'], control.env)
  await nextLine(child)

  child.kill('SIGKILL')

  await closed
})
