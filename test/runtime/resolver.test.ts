import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Resolver } from '../../src/runtime/resolver.ts'
import { startDnsServer } from './dns-server.ts'

const NO_HOSTS = '/nonexistent'

test('names have the addresses of both families, IPv4 first', async () => {
  await using dns = await startDnsServer(() => ['2606:4700::1', '192.0.2.1', '192.0.2.2'])
  const resolver = new Resolver({ servers: [dns.address], hostsFile: NO_HOSTS })

  const addresses = await resolver.resolve('Name.Example.', 'app')

  assert.deepEqual(addresses, [
    { address: '192.0.2.1', family: 4 },
    { address: '192.0.2.2', family: 4 },
    { address: '2606:4700::1', family: 6 },
  ])
})

test('a name may have addresses of one family only', async () => {
  await using dns = await startDnsServer(name => (name === 'four.example' ? ['192.0.2.1'] : ['2606:4700::1']))
  const resolver = new Resolver({ servers: [dns.address], hostsFile: NO_HOSTS })

  assert.deepEqual(await resolver.resolve('four.example', 'app'), [{ address: '192.0.2.1', family: 4 }])
  assert.deepEqual(await resolver.resolve('six.example', 'app'), [{ address: '2606:4700::1', family: 6 }])
})

test('answers are not remembered, but asking twice at once is asking once', async () => {
  let address = '192.0.2.1'
  await using dns = await startDnsServer(() => [address])
  const resolver = new Resolver({ servers: [dns.address], hostsFile: NO_HOSTS })

  const [first, second] = await Promise.all([
    resolver.resolve('a.example', 'app'),
    resolver.resolve('a.example', 'app'),
  ])
  address = '192.0.2.2'
  const third = await resolver.resolve('a.example', 'app')

  assert.equal(first, second)
  assert.equal(third[0]?.address, '192.0.2.2')
  assert.equal(dns.questions.length, 4)
})

test('localhost is this machine whatever a name server says', async () => {
  await using dns = await startDnsServer(() => ['8.8.8.8'])
  const resolver = new Resolver({ servers: [dns.address], hostsFile: NO_HOSTS })

  for (const name of ['localhost', 'LocalHost.', 'hello.localhost']) {
    const addresses = await resolver.resolve(name, 'app')
    assert.deepEqual(
      addresses.map(({ address }) => address),
      ['127.0.0.1', '::1'],
      name,
    )
  }
  assert.deepEqual(dns.questions, [])
})

test('the hosts file comes first, and is read again when it has changed', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-'))
  t.after(() => rm(directory, { recursive: true }))
  const hostsFile = join(directory, 'hosts')
  await using dns = await startDnsServer(() => ['192.0.2.9'])
  const resolver = new Resolver({ servers: [dns.address], hostsFile })
  const resolve = async (name: string) => (await resolver.resolve(name, 'app')).map(({ address }) => address)

  assert.deepEqual(await resolve('api.example'), ['192.0.2.9'])
  await writeFile(
    hostsFile,
    '10.0.0.1 api.example API2.example # a comment\nfd00::1\tapi.example\nnonsense x\n',
  )
  assert.deepEqual(await resolve('api.example'), ['10.0.0.1', 'fd00::1'])
  assert.deepEqual(await resolve('api2.example'), ['10.0.0.1'])
  await writeFile(hostsFile, '')
  assert.deepEqual(await resolve('api.example'), ['192.0.2.9'])
})

test('a name without address, and one whose servers are silent, say so', async () => {
  await using dns = await startDnsServer(name => (name === 'absent.example' ? [] : null))
  const resolver = new Resolver({ servers: [dns.address], hostsFile: NO_HOSTS, queryMs: 100 })

  await assert.rejects(resolver.resolve('absent.example', 'app'), {
    name: 'SubrequestError',
    message: 'the name absent.example has no address',
  })
  await assert.rejects(resolver.resolve('silent.example', 'app'), {
    message: 'the name silent.example could not be resolved: ETIMEOUT',
  })
})

test('an app’s look-ups are bounded, and its neighbour’s are not concerned', async () => {
  await using dns = await startDnsServer(name => (name === 'quick.example' ? ['192.0.2.1'] : null))
  const resolver = new Resolver({ servers: [dns.address], hostsFile: NO_HOSTS, queryMs: 100, perAppMax: 2 })

  const stuck = ['a', 'b'].map(label => resolver.resolve(`${label}.example`, 'app'))
  await assert.rejects(resolver.resolve('quick.example', 'app'), { message: /too many DNS look-ups/ })
  assert.equal((await resolver.resolve('quick.example', 'neighbour')).length, 1)
  await Promise.allSettled(stuck)

  assert.equal((await resolver.resolve('quick.example', 'app')).length, 1)
})
