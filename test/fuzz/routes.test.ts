import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { VitrineError } from '../../src/errors.ts'
import { hostPatternOf, hostPatterns, matchRoute, normalizeHost, parseRoute } from '../../src/routes.ts'
import { holds, textOf } from './property.ts'

const PIECES = [
  ...[
    'a',
    'b',
    'ab',
    'example',
    '.',
    '..',
    '*',
    '*.',
    '**',
    '/',
    '//',
    '/*',
    ':',
    ':80',
    '-',
    '_',
    '@',
    '[',
    '::1',
    ']',
  ],
  ...[
    '%',
    '%2e',
    '%2F',
    '?',
    '#',
    ' ',
    '\\',
    '\t',
    'é',
    'ß',
    'İ',
    '\u00ad',
    '\u3002',
    'xn--',
    'xn--mnchen-3ya',
    'http://',
    'ftp://',
    '1.2.3.4',
    '0x7f',
  ],
]

test('a pattern is read or refused by name; what was read stays the same, and matches itself', async () => {
  await holds(textOf(PIECES, 12), { runs: 5000 }, text => {
    let route: ReturnType<typeof parseRoute>
    try {
      route = parseRoute(text)
    } catch (error) {
      assert.ok(error instanceof VitrineError && error.code === 'ROUTE_INVALID', String(error))
      assert.match(error.message, /: write it like \S+$/)
      assert.ok(error.message.length < 600)
      return
    }
    assert.deepEqual(parseRoute(route.pattern), route)
    const host = `${route.hostWildcard === 'subdomains' ? 'sub.' : ''}${route.host || 'any.test'}`
    const record = { pattern: route.pattern, app: 'a' }
    if (host.length <= 253) assert.ok(hostPatterns(host).includes(hostPatternOf(route.pattern)))
    assert.equal(matchRoute([record], host, route.path), record)
    assert.equal(matchRoute([record], 'else.where', route.path) !== null, route.host === '')
  })
})

test('a request finds its route whatever it asks for, by the path that its app will see', async () => {
  const path = textOf(
    ['a', 'b', '/', '.', '..', '%2e', '%2E', '\\', '%', '%zz', ' ', 'é', '|', '?', '#'],
    10,
  ).map(rest => `/${rest}`)
  const routes = ['h/*', 'h/a*', 'h/a/*', 'h/a/b', 'h/b/*', 'h/..a*'].map(pattern => ({
    pattern,
    app: pattern,
  }))
  await holds(path, { runs: 5000 }, given => {
    const { pathname } = new URL(`http://h${given.replace(/[?#].*$/s, '')}`)
    const fits = routes.filter(({ pattern }) =>
      pattern.endsWith('*') ? pathname.startsWith(pattern.slice(1, -1)) : pathname === pattern.slice(1),
    )
    const longest = fits.sort(
      (a, b) => b.pattern.replace('*', '').length - a.pattern.replace('*', '').length,
    )[0]
    assert.equal(matchRoute(routes, 'h', given)?.pattern, longest?.pattern, given)
  })
})

test('any Host has a bounded number of patterns', async () => {
  await holds(fc.oneof(textOf(PIECES, 12), textOf(['a.', '.'], 400)), { runs: 2000 }, header => {
    const host = normalizeHost(header)
    // İ becomes two characters.
    assert.ok(host.length <= 2 * header.length && host === host.toLowerCase())
    const patterns = hostPatterns(host)
    assert.ok(patterns.length <= 2 * 127 + 1)
    assert.equal(patterns.at(-1), '*')
  })
})
