import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '../../bench/support/client.ts'
import { startBare } from '../../bench/support/peers.ts'
import { ServerProcess } from '../../bench/support/server-process.ts'
import { processTree } from '../../bench/support/usage.ts'

test('a server’s CPU time and memory include those of its children', async t => {
  // CPU time, not wall time: the machine may be busy. The kernel counts in steps of 10 ms.
  const busy =
    'for (let used = process.cpuUsage(); used.user + used.system < 250_000; used = process.cpuUsage()); setInterval(() => {}, 1000)'
  const child = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(`${busy};console.log('up')`)}], { stdio: 'inherit' })`
  const server = new ServerProcess(process.execPath, ['-e', child])
  t.after(() => server[Symbol.asyncDispose]())

  await server.ready(output => (output.includes('up') ? true : null))

  t.assert.equal(server.cpuMs() >= 200, true)
  const each = server.memoryOfEach()
  t.assert.equal(each.length, 2)
  t.assert.equal(
    each.every(({ rssBytes, pssBytes }) => rssBytes >= pssBytes && pssBytes > 0),
    true,
  )

  const { pids } = server
  await server[Symbol.asyncDispose]()
  // They are told to end, and take a moment for it.
  for (let i = 0; i < 200 && pids.some(isAlive); i++) await delay(10)
  t.assert.deepEqual(pids.filter(isAlive), [], 'none outlives the server')
})

function isAlive(pid: number): boolean {
  try {
    // One that has ended and waits for its parent is none.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

test('a server that ends instead of serving is reported with what it wrote', async t => {
  await using server = new ServerProcess(process.execPath, [
    '-e',
    'console.log("no such luck"); process.exit(3)',
  ])

  await t.assert.rejects(
    server.ready(() => null),
    /does not start:\nno such luck/,
  )
})

test('a peer answers until it is disposed of', async t => {
  using client = new Client(1)
  const peer = await startBare('http')

  const { body } = await client.sendOk(peer.target)
  await peer[Symbol.asyncDispose]()

  t.assert.equal(String(body), 'Hello, world!\n')
  await t.assert.rejects(client.sendOk(peer.target), /ECONNREFUSED/)
})

test('a process tree begins with its root', t => {
  t.assert.equal(processTree(process.pid)[0], process.pid)
})
