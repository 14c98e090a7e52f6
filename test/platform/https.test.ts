/** Subrequests over TLS, which a process of its own makes for all runtimes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { CERTIFICATE, PRIVATE_KEY } from '../runtime/certificate.ts'
import { startTestPlatform } from '../support/platform.ts'

const APP = `export default { async fetch(request) {
  try {
    return await fetch(await request.text())
  } catch (error) {
    return new Response(error.message)
  }
} }`

test('a certificate that nobody vouches for is refused, also after the process that looks at it has died', async t => {
  await using platform = await startTestPlatform({ egressAllow: '127.0.0.1' })
  await platform.deploy('asks', APP)
  const server = createServer({ cert: CERTIFICATE, key: PRIVATE_KEY }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const ask = async () => (await platform.fetch('asks', '/', { method: 'POST', body: url })).text

  assert.equal(await ask(), 'TLS failed: self-signed certificate')
  const [relay, ...others] = relays()
  assert.deepEqual(others, [])
  process.kill(relay!, 'SIGKILL')
  while (relays().includes(relay!)) await new Promise(setImmediate)

  const answers = new Set<string>()
  while (!answers.has('TLS failed: self-signed certificate')) answers.add(await ask())
  answers.delete('TLS failed: self-signed certificate')
  answers.delete('no TLS connection can be made at present; try again later')
  assert.deepEqual([...answers], [])
  assert.equal(await platform.metric('vitrine_tls_relay_restarts_total'), 1)
  assert((await platform.metric('vitrine_tls_relay_rss_bytes'))! > 2 ** 20)
  const said = platform.log().filter(({ msg, message }) => /process for TLS/.test(String(msg ?? message)))
  assert.deepEqual(
    said.map(({ detail }) => detail),
    ['SIGKILL'],
  )
})

/** Of this process, that have not ended. */
function relays(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
        return (
          Number(parent) === process.pid &&
          readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('tls/process.ts')
        )
      } catch {
        return false
      }
    })
    .map(Number)
}
