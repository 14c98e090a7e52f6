import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setDefaultCACertificates } from 'node:tls'
import { Resolver } from '../../src/runtime/resolver.ts'
import { CERTIFICATE, RSA_CERTIFICATE, RSA_PRIVATE_KEY } from './certificate.ts'
import { startDnsServer } from './dns-server.ts'
import { fetchText, fetchUrl, hasConnections, localFetcher, startTls } from './fetching.ts'
import { startUpstream } from './upstream.ts'

test('connection and name failures say what failed', async () => {
  await using dns = await startDnsServer(() => [])
  await using closed = await startUpstream(() => {})
  const { url, port } = closed
  await closed[Symbol.asyncDispose]()
  await using fetcher = localFetcher({
    resolver: new Resolver({ servers: [dns.address], hostsFile: '/nonexistent' }),
  })

  await assert.rejects(fetchUrl(fetcher, url), { message: `connect ECONNREFUSED 127.0.0.1:${port}` })
  await assert.rejects(fetchUrl(fetcher, 'http://absent.example/'), {
    message: 'the name absent.example has no address',
  })
  await hasConnections(fetcher, { open: 0, idle: 0 })
})

test('TLS certificates are verified, whatever the environment says', async t => {
  await using upstream = await startUpstream((_, response) => response.end('secret'), { tls: true })
  await using dns = await startDnsServer(() => ['127.0.0.1'])
  const resolver = new Resolver({ servers: [dns.address], hostsFile: '/nonexistent' })
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.after(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  await using strict = await startTls()
  await using stranger = localFetcher({ resolver, tls: strict.tls })
  await assert.rejects(fetchUrl(stranger, upstream.url), { message: /^TLS failed: self-signed certificate/ })

  setDefaultCACertificates([CERTIFICATE])
  await using relay = await startTls()
  await using friend = localFetcher({ resolver, tls: relay.tls })

  assert.equal(await fetchText(friend, upstream.url), 'secret')
  assert.equal(await fetchText(friend, `https://tls.test:${upstream.port}/`), 'secret')
  assert.equal(await fetchText(friend, `https://tls.test.:${upstream.port}/`), 'secret')
  await assert.rejects(fetchUrl(friend, `https://other.test:${upstream.port}/`), {
    message: /^TLS failed: Hostname\/IP does not match certificate's altnames/,
  })
})

test('speaking TLS to a server that does not, and the other way round, fails clearly', async () => {
  await using plain = await startUpstream((_, response) => response.end())
  await using secure = await startUpstream((_, response) => response.end(), { tls: true })
  await using relay = await startTls()
  await using fetcher = localFetcher({ tls: relay.tls })

  await assert.rejects(fetchUrl(fetcher, plain.url.replace('http:', 'https:')), {
    message: /^TLS failed: (wrong version number|packet length too long)/,
  })
  await assert.rejects(fetchUrl(fetcher, secure.url.replace('https:', 'http:')), { name: 'SubrequestError' })
})

test('a server that insists on Diffie-Hellman in finite fields, as large as it likes, is not talked to', async t => {
  setDefaultCACertificates([RSA_CERTIFICATE])
  const answer = createServer(
    { cert: RSA_CERTIFICATE, key: RSA_PRIVATE_KEY, maxVersion: 'TLSv1.2', dhparam: 'auto' },
    (_request, response) => void response.end('x'),
  )
  answer.listen(0, '127.0.0.1')
  await once(answer, 'listening')
  t.after(() => answer.close())
  const url = `https://127.0.0.1:${(answer.address() as AddressInfo).port}/`
  await using relay = await startTls()
  await using fetcher = localFetcher({ tls: relay.tls })
  assert.equal(await fetchText(fetcher, url), 'x')

  answer.setSecureContext({
    ...{ cert: RSA_CERTIFICATE, key: RSA_PRIVATE_KEY, maxVersion: 'TLSv1.2', dhparam: 'auto' },
    ciphers: 'DHE-RSA-AES128-GCM-SHA256',
  })
  await using another = localFetcher({ tls: relay.tls })

  await assert.rejects(fetchUrl(another, url), { message: /^TLS failed: .*handshake failure$/ })
})
