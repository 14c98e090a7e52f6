import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EgressPolicy, parseEgressAllow, parseTarget } from '../../src/runtime/egress.ts'
import { Resolver } from '../../src/runtime/resolver.ts'
import { Fetcher, type FetcherOptions } from '../../src/runtime/subrequest.ts'
import { startDnsServer } from './dns-server.ts'
import { fetchText } from './fetching.ts'
import { startUpstream } from './upstream.ts'

const REFUSED = [
  ['0.0.0.0', '0.1.2.3'],
  ['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1'],
  ['100.64.0.1', '100.127.255.255', '100.100.100.200'],
  ['127.0.0.1', '127.255.255.254'],
  ['169.254.0.1', '169.254.169.254', '168.63.129.16'],
  ['192.0.0.192', '192.0.2.1', '192.88.99.1', '198.18.0.1', '198.19.255.255', '198.51.100.1', '203.0.113.1'],
  ['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
  ['::', '::1', '::2', '::7f00:1', '::ffff:0:7f00:1', '::ffff:8.8.8.8', '::ffff:127.0.0.1'],
  [
    '64:ff9b::7f00:1',
    '64:ff9b::808:808',
    '64:ff9b:1::1',
    '100::1',
    '2002:7f00:1::',
    '2001::1',
    '2001:db8::1',
  ],
  ['2001:2::1', '2001:10::1', '2001:20::1', '3fff::1', '5f00::1', '4000::1', '8000::1', 'e000::1'],
  ['fc00::1', 'fd00:ec2::254', 'fe80::1', 'febf::1', 'fec0::1', 'ff02::1'],
].flat()

const PUBLIC = ['1.1.1.1', '8.8.8.8', '172.15.255.255', '172.32.0.0', '100.63.255.255', '223.255.255.255']
const PUBLIC_IPV6 = ['2606:4700:4700::1111', '2001:4860:4860::8888', '2a00:1450::1', '2400:cb00::1']

test('public addresses are allowed', () => {
  const policy = new EgressPolicy([])

  for (const address of [...PUBLIC, ...PUBLIC_IPV6]) assert.equal(policy.allows(address), true, address)
})

test('every address that is not public is refused, with a reason', () => {
  const policy = new EgressPolicy([])

  for (const address of REFUSED) {
    assert.equal(policy.allows(address), false, address)
    assert.match(policy.refusal(address)!, /^[a-z]/i, address)
  }
})

test('what is not the usual notation of an address is refused', () => {
  const policy = new EgressPolicy(['0.0.0.0/0', '::/0'])
  const notations = [
    '',
    '8.8.8',
    '134744072',
    '0x08080808',
    '010.8.8.8',
    '[2606:4700::1]',
    '8.8.8.8 ',
    'localhost',
  ]

  for (const text of [...notations, 'fe80::1%lo', '2606:4700::1%0'])
    assert.equal(policy.allows(text), false, text)
})

test('the addresses of this machine are refused though they are public', () => {
  const policy = new EgressPolicy([], { ownAddresses: () => ['198.41.0.4', '2606:4700::1'] })
  const opened = new EgressPolicy(['198.41.0.4'], { ownAddresses: () => ['198.41.0.4'] })

  assert.equal(policy.refusal('198.41.0.4'), 'an address of this machine')
  assert.equal(policy.refusal('2606:4700::1'), 'an address of this machine')
  assert.equal(policy.allows('198.41.0.5'), true)
  assert.equal(opened.allows('198.41.0.4'), true)
})

test('an opened range is allowed and its neighbours are not', () => {
  const policy = new EgressPolicy(['10.1.0.0/16', '192.168.7.7', 'fd00:1::/32', '::1/128'])

  for (const address of ['10.1.0.0', '10.1.255.255', '192.168.7.7', 'fd00:1::5', '::1']) {
    assert.equal(policy.allows(address), true, address)
  }
  for (const address of ['10.0.255.255', '10.2.0.0', '192.168.7.8', 'fd00:2::5', '::2', '127.0.0.1']) {
    assert.equal(policy.allows(address), false, address)
  }
})

test('opening a translation range does not open the private addresses written in it', () => {
  const policy = new EgressPolicy(['64:ff9b::/96', '2002::/16', '::ffff:0:0/96'])

  for (const address of ['64:ff9b::808:808', '2002:808:808::', '::ffff:8.8.8.8']) {
    assert.equal(policy.allows(address), true, address)
  }
  for (const address of ['64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '2002:a00:1::', '::ffff:10.0.0.1']) {
    assert.equal(policy.allows(address), false, address)
  }
})

test('opening an IPv4 range does not open its translations', () => {
  const policy = new EgressPolicy(['127.0.0.0/8'])

  for (const address of ['::ffff:127.0.0.1', '64:ff9b::7f00:1', '::7f00:1']) {
    assert.equal(policy.allows(address), false, address)
  }
})

test('a malformed range is a configuration error that names it', () => {
  const malformed = [
    '',
    'localhost',
    '10/8',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '0x7f.1/8',
  ]

  for (const text of [...malformed, '10.0.0.0/', 'fe80::%eth0/10', '10.0.0.0/ 8', '10.0.0.0/255.0.0.0']) {
    assert.throws(
      () => parseEgressAllow(['127.0.0.0/8', text]),
      { code: 'CONFIG_INVALID', message: new RegExp(`"${text.replaceAll(/[.%]/g, '\\$&')}"`) },
      text,
    )
    assert.throws(() => new EgressPolicy([text]), { code: 'CONFIG_INVALID' })
  }
})

test('only http and https URLs on unblocked ports without credentials are read', () => {
  const refused = {
    'not a URL': /invalid/,
    'file:///etc/passwd': /file:/,
    'ftp://example.com/': /ftp:/,
    'data:text/plain,x': /data:/,
    'ws://example.com/': /ws:/,
    'http://example.com:25/': /port 25/,
    'http://example.com:0/': /port 0/,
    'https://example.com:6667/': /port 6667/,
    'http://user@example.com/': /credentials/,
    'http://:secret@example.com/': /credentials/,
    'http://[fe80::1%25lo]/': /invalid/,
    'http://1.2.3.4.5/': /invalid/,
  }

  for (const [url, message] of Object.entries(refused))
    assert.throws(() => parseTarget(url), { message }, url)
  assert.equal(parseTarget('https://example.com:443/a').href, 'https://example.com/a')
  assert.equal(parseTarget('../c', new URL('http://example.com/a/b')).href, 'http://example.com/c')
})

test('no notation of a private address reaches it', async () => {
  await using upstream = await startUpstream((_, response) => response.end())
  await using fetcher = new Fetcher({ egress: new EgressPolicy([]) })
  const ipv4 = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '0',
    '127。0。0。1',
  ]
  const ipv6 = [
    '[::1]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::127.0.0.1]',
    '[0:0:0:0:0:0:0:1]',
  ]
  const names = [
    'localhost',
    'localhost.',
    'LOCALHOST',
    'app.localhost',
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    '①②⑦.0.0.1',
  ]

  for (const host of [...ipv4, ...ipv6, ...names]) {
    await assert.rejects(
      fetchText(fetcher, `http://${host}:${upstream.port}/`),
      { message: /is not allowed: it is/ },
      host,
    )
  }
  assert.equal(upstream.accepted, 0)
})

test('a refused literal is named, a refused address behind a name is not', async () => {
  await using dns = await startDnsServer(() => ['10.20.30.40'])
  await using fetcher = new Fetcher({ egress: new EgressPolicy([]), resolver: resolverAt(dns.address) })

  await assert.rejects(fetchText(fetcher, 'http://10.0.0.1/'), {
    name: 'SubrequestError',
    message: 'address 10.0.0.1 is not allowed: it is private',
  })
  await assert.rejects(fetchText(fetcher, 'http://db.corp.example/'), {
    message: 'the address of db.corp.example is not allowed: it is private',
  })
})

test('of several addresses only the allowed ones are connected to', async () => {
  await using forbidden = await startUpstream((_, response) => response.end('forbidden'), {
    host: '127.0.0.2',
  })
  await using dns = await startDnsServer(() => [
    '127.0.0.2',
    '::1',
    '10.0.0.1',
    '127.0.0.1',
    '169.254.169.254',
  ])
  await using fetcher = new Fetcher({
    egress: new EgressPolicy(['127.0.0.1']),
    resolver: resolverAt(dns.address),
  })

  await assert.rejects(fetchText(fetcher, `http://mixed.example:${forbidden.port}/`), {
    message: `connect ECONNREFUSED 127.0.0.1:${forbidden.port}`,
  })
  assert.equal(forbidden.accepted, 0)
})

test('a name that is rebound after its check is not resolved a second time', async () => {
  await using upstream = await startUpstream((_, response) => response.end('allowed'))
  await using dns = await startDnsServer((_, question) => (question <= 2 ? ['127.0.0.1'] : ['127.0.0.2']))
  await using fetcher = new Fetcher({
    egress: new EgressPolicy(['127.0.0.1']),
    resolver: resolverAt(dns.address),
  })

  assert.equal(await fetchText(fetcher, `http://rebound.example:${upstream.port}/`), 'allowed')
  assert.deepEqual(dns.questions.toSorted(), ['A rebound.example', 'AAAA rebound.example'])
})

test('a name is resolved and checked again for the next connection', async () => {
  await using upstream = await startUpstream((_, response) =>
    response.setHeader('connection', 'close').end('allowed'),
  )
  await using dns = await startDnsServer((_, question) => (question <= 2 ? ['127.0.0.1'] : ['127.0.0.2']))
  await using fetcher = new Fetcher({
    egress: new EgressPolicy(['127.0.0.1']),
    resolver: resolverAt(dns.address),
  })
  const url = `http://rebound.example:${upstream.port}/`

  assert.equal(await fetchText(fetcher, url), 'allowed')
  await assert.rejects(fetchText(fetcher, url), { message: /rebound.example is not allowed: it is loopback/ })
})

test('an opened loopback range lets localhost through, by either family', async () => {
  await using ipv4 = await startUpstream((_, response) => response.end('four'))
  await using ipv6 = await startUpstream((_, response) => response.end('six'), { host: '::1' })
  await using fetcher = new Fetcher({ egress: new EgressPolicy(['127.0.0.0/8', '::1/128']) })

  assert.equal(await fetchText(fetcher, `http://localhost:${ipv4.port}/`), 'four')
  assert.equal(await fetchText(fetcher, `http://localhost:${ipv6.port}/`), 'six')
  assert.equal(await fetchText(fetcher, `${ipv6.url}/`), 'six')
  assert.equal(await fetchText(fetcher, `http://2130706433:${ipv4.port}/`), 'four')
})

test('a redirect into private space is refused at every hop', async () => {
  await using secret = await startUpstream((_, response) => response.end('secret'), { host: '127.0.0.2' })
  await using upstream = await startUpstream((request, response) => {
    const location = request.url === '/far' ? '/near' : decodeURIComponent(request.url!.slice('/to?'.length))
    response.writeHead(302, { location: request.url === '/near' ? `${secret.url}/` : location }).end()
  })
  await using fetcher = new Fetcher({ egress: new EgressPolicy(['127.0.0.1']) })
  const targets = [
    `${secret.url}/`,
    `//127.0.0.2:${secret.port}/`,
    `http://0x7f000002:${secret.port}/`,
    'http://[::1]/',
  ]

  for (const target of targets) {
    const url = `${upstream.url}/to?${encodeURIComponent(target)}`
    await assert.rejects(fetchText(fetcher, url), { message: /is not allowed: it is loopback/ }, target)
  }
  await assert.rejects(fetchText(fetcher, `${upstream.url}/far`), { message: /127.0.0.2 is not allowed/ })
  for (const target of [
    'file:///etc/passwd',
    'http://example.com:22/',
    'http://a:b@example.com/',
    'http://[',
  ]) {
    const url = `${upstream.url}/to?${encodeURIComponent(target)}`
    await assert.rejects(fetchText(fetcher, url), { name: 'SubrequestError' }, target)
  }
  assert.equal(secret.accepted, 0)
})

test('proxies that the environment names are not used', async t => {
  await using proxy = await startUpstream((_, response) => response.end('proxy'))
  await using upstream = await startUpstream((_, response) => response.end('upstream'))
  await using fetcher = new Fetcher({ egress: new EgressPolicy(['127.0.0.1']) })
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']) {
    process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : proxy.url
    t.after(() => delete process.env[name])
  }

  assert.equal(await fetchText(fetcher, upstream.url), 'upstream')
  assert.equal(proxy.accepted, 0)
})

function resolverAt(address: string): FetcherOptions['resolver'] {
  return new Resolver({ servers: [address], hostsFile: '/nonexistent' })
}
