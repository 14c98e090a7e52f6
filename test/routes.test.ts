import { suite, type TestContext, test } from 'node:test'
import { hostPatternOf, hostPatterns, matchRoute, normalizeHost, parseRoute } from '../src/routes.ts'
import type { RouteRecord } from '../src/store/store.ts'

suite('parseRoute', () => {
  const normalised: [given: string, pattern: string][] = [
    ['example.com/api/*', 'example.com/api/*'],
    ['Example.COM/API/*', 'example.com/API/*'],
    ['https://example.com/*', 'example.com/*'],
    ['HTTP://example.com/*', 'example.com/*'],
    ['example.com', 'example.com/'],
    ['example.com./x', 'example.com/x'],
    ['*.example.com/*', '*.example.com/*'],
    ['*example.com/*', '*example.com/*'],
    ['*/*', '*/*'],
    ['münchen.example/straße*', 'xn--mnchen-3ya.example/stra%C3%9Fe*'],
    ['example.com//x', 'example.com//x'],
    ['127.0.0.1/x', '127.0.0.1/x'],
    ['[::1]/x', '[::1]/x'],
    ['my_host/x', 'my_host/x'],
  ]
  for (const [given, pattern] of normalised) {
    test(`${given} is ${pattern}`, (t: TestContext) => {
      t.assert.equal(parseRoute(given).pattern, pattern)
      t.assert.equal(parseRoute(pattern).pattern, pattern, 'reading it again changes nothing')
    })
  }

  test('the parts of a pattern are given without their wildcards', (t: TestContext) => {
    t.assert.deepEqual(parseRoute('*.example.com/a*'), {
      pattern: '*.example.com/a*',
      host: 'example.com',
      hostWildcard: 'subdomains',
      path: '/a',
      pathWildcard: true,
    })
    t.assert.equal(parseRoute('*example.com/a').hostWildcard, 'suffix')
    t.assert.equal(parseRoute('example.com/a').hostWildcard, 'none')
  })

  const refused: [given: string, problem: RegExp][] = [
    ['', /names no host/],
    ['/api/*', /names no host/],
    ['ftp://example.com/*', /scheme ftp/],
    ['example.com/?a=1', /query/],
    ['example.com/#a', /query or fragment/],
    ['example.com:8080/*', /port.*like example\.com\/\*/],
    ['a.*.com/*', /\* inside its host.*like \*\.example\.com/],
    ['**.example.com/*', /\* inside its host/],
    ['example.com/*/a', /\* inside its path.*like example\.com\/images/],
    ['example.com/a/../b', /\.\. segment/],
    ['example.com/%2E%2e/b', /\.\. segment/],
    ['exam ple.com/*', /space/],
    ['example.com/a\\b', /backslash/],
    ['user@example.com/', /no domain name/],
    ['a..b/', /no domain name/],
    ['*./', /no domain name/],
    [`${'a'.repeat(64)}.com/`, /no domain name/],
    [`example.com/${'a'.repeat(3000)}`, /longer than 2048/],
  ]
  for (const [given, problem] of refused) {
    test(`${JSON.stringify(given.slice(0, 40))} is refused with what is wrong and a right one`, (t: TestContext) => {
      t.assert.throws(() => parseRoute(given), { code: 'ROUTE_INVALID', message: problem })
      t.assert.throws(() => parseRoute(given), /: write it like \S+$/)
    })
  }
})

suite('matchRoute', () => {
  const routes: RouteRecord[] = [
    'example.com/*',
    'example.com/api/*',
    'example.com/api/users',
    'example.com/foo/*',
    'example.com/bar*',
    '*.example.com/*',
    '*example.com/deep/*',
    '*.a.example.com/*',
    '*/*',
  ].map(pattern => ({ pattern, app: pattern }))

  const cases: [host: string, path: string, pattern: string | null][] = [
    ['example.com', '/', 'example.com/*'],
    ['example.com', '/api/', 'example.com/api/*'],
    ['example.com', '/api/users', 'example.com/api/users'],
    ['example.com', '/api/users/', 'example.com/api/*'],
    ['example.com', '/API/users', 'example.com/*'],
    ['example.com', '/foo/bar', 'example.com/foo/*'],
    ['example.com', '/foo/', 'example.com/foo/*'],
    ['example.com', '/foo', 'example.com/*'],
    ['example.com', '/foobar', 'example.com/*'],
    ['example.com', '/barrel', 'example.com/bar*'],
    ['example.com', '/deep/x', 'example.com/*'],
    ['x.example.com', '/deep/x', '*.example.com/*'],
    ['x.a.example.com', '/deep/x', '*.a.example.com/*'],
    ['a.example.com', '/', '*.example.com/*'],
    ['badexample.com', '/', '*/*'],
    ['other.test', '/x', '*/*'],
    ['example.com', '/foo/../api/users', 'example.com/api/users'],
    ['example.com', '/foo/%2e%2E/api/users', 'example.com/api/users'],
    ['example.com', '/foo\\..\\api\\users', 'example.com/api/users'],
  ]
  for (const [host, path, pattern] of cases) {
    test(`${host}${path} belongs to ${pattern}`, (t: TestContext) => {
      t.assert.equal(matchRoute(routes, host, path)?.pattern ?? null, pattern)
    })
  }

  test('a wildcard suffix covers the domain itself and its subdomains, not names that merely end alike', (t: TestContext) => {
    const only = [{ pattern: '*example.com/*', app: 'a' }]
    t.assert.ok(matchRoute(only, 'example.com', '/'))
    t.assert.ok(matchRoute(only, 'x.example.com', '/'))
    t.assert.equal(matchRoute(only, 'badexample.com', '/'), null)
  })

  test('a subdomain wildcard does not cover the domain itself', (t: TestContext) => {
    t.assert.equal(matchRoute([{ pattern: '*.example.com/*', app: 'a' }], 'example.com', '/'), null)
  })

  test('nothing matches where there is no route', (t: TestContext) => {
    t.assert.equal(matchRoute([], 'example.com', '/'), null)
  })
})

test('for thousands of random routes and requests the choice is that of a plain reading of the rules', (t: TestContext) => {
  const random = generator(20_260_131)
  for (let round = 0; round < 400; round++) {
    const routes = Array.from({ length: 1 + random(8) }, () => {
      const { pattern } = parseRoute(randomPattern(random))
      return { pattern, app: pattern }
    })
    for (let request = 0; request < 10; request++) {
      const host = randomHost(random)
      const path = randomPath(random)
      const expected = oracle(routes, host, path)
      t.assert.equal(
        matchRoute(routes, host, path)?.pattern,
        expected,
        `${host}${path} among ${routes.map(r => r.pattern)}`,
      )

      const candidates = new Set(hostPatterns(host))
      const found = routes.filter(route => candidates.has(hostPatternOf(route.pattern)))
      t.assert.equal(
        matchRoute(found, host, path)?.pattern,
        expected,
        `hostPatterns(${host}) finds every candidate`,
      )
    }
  }
})

test('whatever text a pattern is, it is read or refused, and what was read matches itself', (t: TestContext) => {
  const random = generator(7)
  const alphabet = [...'abz.*/-_:?#[]%@ \\é\u0000', 'xn--', '..', 'http://']
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: random(10) }, () => alphabet[random(alphabet.length)]).join('')
    let route: ReturnType<typeof parseRoute>
    try {
      route = parseRoute(text)
    } catch (error) {
      t.assert.equal((error as { code?: string }).code, 'ROUTE_INVALID', text)
      continue
    }
    t.assert.equal(parseRoute(route.pattern).pattern, route.pattern, text)
    const host = `${route.hostWildcard === 'subdomains' ? 'sub.' : ''}${route.host || 'any.test'}`
    t.assert.ok(
      matchRoute([{ pattern: route.pattern, app: 'a' }], host, route.path),
      `${text} → ${route.pattern}`,
    )
  }
})

suite('normalizeHost', () => {
  for (const [given, host] of [
    ['Example.COM', 'example.com'],
    ['example.com:3080', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com.:80', 'example.com'],
    ['[::1]:3080', '[::1]'],
    ['[::1]', '[::1]'],
    ['', ''],
  ] as const) {
    test(`${given || '(empty)'} is ${host || '(empty)'}`, t => t.assert.equal(normalizeHost(given), host))
  }
})

test('a host of any length has a bounded number of patterns', (t: TestContext) => {
  t.assert.ok(hostPatterns(`${'a.'.repeat(126)}b`).length <= 2 * 127 + 1)
  t.assert.deepEqual(hostPatterns('a.'.repeat(5000)), ['*'])
})

/** The rules, read one by one, without regard to speed. */
function oracle(routes: RouteRecord[], host: string, path: string): string | undefined {
  const matching = routes
    .map(route => parseRoute(route.pattern))
    .filter(route => {
      const isSubdomain = host.endsWith(`.${route.host}`)
      const hostMatches = {
        none: host === route.host,
        subdomains: isSubdomain,
        suffix: route.host === '' || host === route.host || isSubdomain,
      }[route.hostWildcard]
      return hostMatches && (route.pathWildcard ? path.startsWith(route.path) : path === route.path)
    })
  const kinds = ['none', 'subdomains', 'suffix']
  matching.sort(
    (a, b) =>
      Number(b.hostWildcard === 'none') - Number(a.hostWildcard === 'none') ||
      b.host.length - a.host.length ||
      kinds.indexOf(a.hostWildcard) - kinds.indexOf(b.hostWildcard) ||
      b.path.length - a.path.length ||
      Number(a.pathWildcard) - Number(b.pathWildcard),
  )
  return matching[0]?.pattern
}

type Random = (below: number) => number

/** Numbers that look random and are the same at each run (mulberry32). */
function generator(seed: number): Random {
  return below => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function randomHost(random: Random): string {
  return Array.from({ length: 1 + random(3) }, () => ['a', 'b', 'ab'][random(3)]).join('.')
}

function randomPath(random: Random): string {
  return `/${Array.from({ length: random(4) }, () => ['a', 'b', '/', 'ab'][random(4)]).join('')}`
}

function randomPattern(random: Random): string {
  const stars = ['', '', '*.', '*'][random(4)]
  const host = stars === '*' && random(4) === 0 ? '' : randomHost(random)
  return `${stars}${host}${randomPath(random)}${['', '*'][random(2)]}`
}
