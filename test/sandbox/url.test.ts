import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('a URL is parsed into its parts', async t => {
  await using sandbox = await openWebSandbox()

  const parts = await sandbox.run(`
    const url = new URL('HTTPS://user:p%40ss@Example.COM:8443/a/./b/../c d?q=1#frag')
    ;[url.href, url.origin, url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname,
      url.search, url.hash, JSON.stringify({ url })]
  `)

  t.assert.deepEqual(parts, [
    'https://user:p%40ss@example.com:8443/a/c%20d?q=1#frag',
    'https://example.com:8443',
    'https:',
    'user',
    'p%40ss',
    'example.com:8443',
    'example.com',
    '8443',
    '/a/c%20d',
    '?q=1',
    '#frag',
    '{"url":"https://user:p%40ss@example.com:8443/a/c%20d?q=1#frag"}',
  ])
})

test('hosts are normalized, whatever form they have', async t => {
  await using sandbox = await openWebSandbox()

  const hosts = await sandbox.run(`
    ['http://0x7f.1/', 'http://[2001:db8:0:0::1]/', 'http://[::ffff:1.2.3.4]/', 'http://bücher.example/', 'http://XN--BCHER-KVA.example/',
      'http://a_b.example/', 'foo://Ex%41mple/', 'file://LOCALHOST/x'].map(text => new URL(text).host)
  `)

  t.assert.deepEqual(hosts, [
    '127.0.0.1',
    '[2001:db8::1]',
    '[::ffff:102:304]',
    'xn--bcher-kva.example',
    'xn--bcher-kva.example',
    'a_b.example',
    'Ex%41mple',
    '',
  ])
})

test('what is no URL gives a TypeError that names it, null from parse and false from canParse', async t => {
  await using sandbox = await openWebSandbox()

  const results = await sandbox.run(`
    ['/relative', 'http://', 'http://a b/', 'http://1.2.3.400/', 'http://[::1/', 'http://x:65536/'].map(text => {
      try { new URL(text) } catch (error) {
        return [error instanceof TypeError, error.message.includes(text), URL.parse(text), URL.canParse(text)]
      }
    })
  `)

  t.assert.deepEqual(
    results,
    Array.from({ length: 6 }, () => [true, true, null, false]),
  )
})

test('relative references resolve against a base', async t => {
  await using sandbox = await openWebSandbox()

  const resolved = await sandbox.run(`
    ['../x', '?q', '#f', '//other/y', '/z', '', 'mailto:a@b', '\\\\\\\\host\\\\path']
      .map(text => new URL(text, 'http://h/a/b/c?d#e').href)
  `)

  t.assert.deepEqual(resolved, [
    'http://h/a/x',
    'http://h/a/b/c?q',
    'http://h/a/b/c?d#f',
    'http://other/y',
    'http://h/z',
    'http://h/a/b/c?d',
    'mailto:a@b',
    'http://host/path',
  ])
})

test('assigning to a part changes the URL, and what is malformed changes nothing', async t => {
  await using sandbox = await openWebSandbox()

  const hrefs = await sandbox.run(`
    const assign = (key, value) => { const url = new URL('https://u@h:1/p?q#f'); url[key] = value; return url.href }
    ;[['protocol', 'http:'], ['protocol', 'mailto:'], ['host', 'x:2'], ['hostname', 'x:2'], ['port', '443'], ['port', 'a'],
      ['pathname', 'a?b#c'], ['search', ''], ['hash', 'ü'], ['username', 'a:b'], ['password', 'x'], ['href', 'ftp://y']]
      .map(([key, value]) => assign(key, value))
  `)

  t.assert.deepEqual(hrefs, [
    'http://u@h:1/p?q#f',
    'https://u@h:1/p?q#f',
    'https://u@x:2/p?q#f',
    'https://u@h:1/p?q#f',
    'https://u@h/p?q#f',
    'https://u@h:1/p?q#f',
    'https://u@h:1/a%3Fb%23c?q#f',
    'https://u@h:1/p#f',
    'https://u@h:1/p?q#%C3%BC',
    'https://a%3Ab@h:1/p?q#f',
    'https://u:x@h:1/p?q#f',
    'ftp://y/',
  ])
})

test('searchParams and its URL follow each other', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const url = new URL('http://h/?a=1&b=2')
    const { searchParams } = url
    searchParams.append('c', 'x y&=+')
    const appended = url.href
    url.search = '?z=9'
    const assigned = [...searchParams]
    searchParams.delete('z')
    ;[appended, assigned, url.href, url.searchParams === searchParams]
  `)

  t.assert.deepEqual(seen, ['http://h/?a=1&b=2&c=x+y%26%3D%2B', [['z', '9']], 'http://h/', true])
})

test('URLSearchParams takes texts, pairs and records, and keeps order and repetitions', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const params = new URLSearchParams('?b=1&a=2&b=3&%F0%9F%8E%89=%ff&&=x')
    const before = [...params]
    params.sort()
    params.set('b', 'only')
    ;[before, params.toString(), params.size, params.getAll('b'), params.has('a', '2'), params.has('a', '3'),
      new URLSearchParams([['x', 1], ['x', 2]]) + '', new URLSearchParams({ k: 'v', w: undefined }) + '']
  `)

  t.assert.deepEqual(seen, [
    [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
      ['🎉', '\u{fffd}'],
      ['', 'x'],
    ],
    '=x&a=2&b=only&%F0%9F%8E%89=%EF%BF%BD',
    4,
    ['only'],
    true,
    false,
    'x=1&x=2',
    'k=v&w=undefined',
  ])
})
