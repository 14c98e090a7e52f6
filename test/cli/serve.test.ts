import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { request } from 'node:http'
import { test } from 'node:test'
import { BIN, directoryWith, finished } from './support.ts'

/** Says in the log when a request is under way. */
const SLOW = `export default { async fetch() {
  console.log('under way')
  await scheduler.wait(500)
  return new Response('done')
} }`

test('a Ctrl-C, which reaches all processes of the terminal, lets requests under way end', async t => {
  using files = await directoryWith({ 'apps/slow/index.js': SLOW })
  const anyPort = ['listen', 'control', 'metrics'].flatMap(name => [`--${name}`, '127.0.0.1:0'])
  const args = [
    BIN,
    'serve',
    '--apps',
    'apps',
    '--store',
    'sqlite:vitrine.db',
    '--log-level',
    'debug',
    ...anyPort,
  ]
  // As a shell does it: the command has a process group of its own, which the terminal's signals go to.
  const child = spawn(process.execPath, args, {
    cwd: files.path,
    env: { PATH: process.env.PATH },
    detached: true,
  })
  t.after(() => {
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
  })
  const done = finished(child)
  let output = ''
  const said = (text: RegExp) =>
    new Promise<RegExpExecArray>(resolve => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', chunk => {
          output += chunk
          const match = text.exec(output)
          if (match) resolve(match)
        })
      }
    })
  const [, port] = await said(/^ +apps +http:\S+:(\d+)\//m)
  const underWay = said(/under way/)
  // Nobody would send this one again if its runtime ended.
  const answer = new Promise<number | undefined>((resolve, reject) => {
    const asked = request(
      { port, host: '127.0.0.1', method: 'POST', headers: { host: 'slow.localhost' } },
      response => {
        response.resume().on('end', () => resolve(response.statusCode))
      },
    )
    asked.on('error', reject).end()
  })
  await underWay

  process.kill(-child.pid!, 'SIGINT')

  assert.equal(await answer, 200)
  assert.equal((await done).code, 0)
})
