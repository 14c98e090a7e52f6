/**
 * Bytes that clients send to confuse a proxy about where a request begins, ends or belongs, each with the statuses
 * that must come back before the connection closes, and the requests that an app may see of it. `SMUGGLED` is a
 * request within another's bytes; whoever reads the bytes as the standard says does not see it as one.
 */

export interface HostileRequest {
  name: string
  bytes: string
  /** Of the responses, in order. */
  statuses: number[]
  /** `METHOD url body`, in order; a body that did not come whole ends with …. */
  seen: string[]
}

const HOST = 'host: a\r\n'
const CLOSE = 'connection: close\r\n'
export const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`
const LAST = `GET /last HTTP/1.1\r\n${HOST}${CLOSE}\r\n`
const SEEN_LAST = 'GET http://a/last '

type Row = [name: string, bytes: string, statuses: number[], seen?: string[]]

const post = (headers: string, body: string) => `POST / HTTP/1.1\r\n${HOST}${headers}\r\n\r\n${body}`
const get = (line: string, headers = HOST) => `${line}\r\n${headers}${CLOSE}\r\n`
const chunked = (body: string) => post('transfer-encoding: chunked\r\nconnection: close', body)
const withHost = (host: string) => get('GET / HTTP/1.1', `host: ${host}\r\n`)
const withTarget = (target: string) => get(`GET ${target} HTTP/1.1`)
const withHeader = (line: string) => get('GET / HTTP/1.1', `${HOST}${line}\r\n`)

const REFUSED_LENGTHS = [
  '+3',
  '-1',
  '0x3',
  '3.0',
  '3, 3',
  '3 3',
  '',
  '99999999999999999999',
  '18446744073709551619',
]
const REFUSED_CODINGS: [coding: string, status: number][] = [
  ['gzip, chunked', 501],
  ['identity', 501],
  [', chunked', 501],
  ['xchunked', 501],
  ['chunkedx', 501],
  ['"chunked"', 501],
  ['chunked;q=1', 501],
  ['chunked\xa0', 501],
  ['\x0bchunked', 400],
  ['chunked\x0b', 400],
  ['chunked, chunked', 400],
  ['chunked,', 400],
  ['chunked, identity', 400],
  ['\r\n chunked', 400],
  ['', 400],
]
const REFUSED_NAMES = [
  'transfer-encoding ',
  'transfer-encoding\t',
  ' transfer-encoding',
  'transfer\0encoding',
]

const lengths: Row[] = [
  ...REFUSED_LENGTHS.map(
    (length): Row => [
      `the length ${JSON.stringify(length)}`,
      post(`content-length: ${length}`, `abc${SMUGGLED}`),
      [400],
    ],
  ),
  ['two equal lengths', post('content-length: 3\r\ncontent-length: 3', `abc${SMUGGLED}`), [400]],
  ['two lengths', post('content-length: 0\r\ncontent-length: 35', SMUGGLED), [400]],
  ['a space before the length’s colon', post('content-length : 3', `abc${SMUGGLED}`), [400]],
  ['a folded length', post('content-length:\r\n 3', `abc${SMUGGLED}`), [400]],
  [
    'a length with zeros before it',
    post('content-length: 0003', `abc${LAST}`),
    [200, 200],
    ['POST http://a/ abc', SEEN_LAST],
  ],
  [
    'a body that is a request',
    post(`content-length: ${SMUGGLED.length}`, SMUGGLED + LAST),
    [200, 200],
    [`POST http://a/ ${SMUGGLED}`, SEEN_LAST],
  ],
  [
    'a GET whose body is a request',
    `GET / HTTP/1.1\r\n${HOST}content-length: ${SMUGGLED.length}\r\n${CLOSE}\r\n${SMUGGLED}`,
    [200],
    [`GET http://a/ ${SMUGGLED}`],
  ],
  [
    'a header that merely looks like a length',
    post('content_length: 3', `abc`),
    [200, 400],
    ['POST http://a/ '],
  ],
  ['a body without a length', post('x: y', 'abc'), [200, 400], ['POST http://a/ ']],
]

const codings: Row[] = [
  ...REFUSED_CODINGS.map(
    ([coding, status]): Row => [
      `the coding ${JSON.stringify(coding)}`,
      post(`transfer-encoding:${coding}`, `0\r\n\r\n${SMUGGLED}`),
      [status],
    ],
  ),
  ...REFUSED_NAMES.map(
    (name): Row => [
      `the header ${JSON.stringify(name)}`,
      post(`${name}: chunked`, `0\r\n\r\n${SMUGGLED}`),
      [400],
    ],
  ),
  [
    'length, then coding',
    post('content-length: 5\r\ntransfer-encoding: chunked', `0\r\n\r\n${SMUGGLED}`),
    [400],
  ],
  [
    'coding, then length',
    post('transfer-encoding: chunked\r\ncontent-length: 40', `0\r\n\r\n${SMUGGLED}`),
    [400],
  ],
  [
    'a length beside an unknown coding',
    post('transfer-encoding: x\r\ncontent-length: 3', `abc${SMUGGLED}`),
    [400],
  ],
  [
    'two codings',
    post('transfer-encoding: chunked\r\ntransfer-encoding: identity', `0\r\n\r\n${SMUGGLED}`),
    [400],
  ],
  [
    'two codings the other way',
    post('transfer-encoding: identity\r\ntransfer-encoding: chunked', `0\r\n\r\n${SMUGGLED}`),
    [501],
  ],
  [
    'a coding in HTTP/1.0',
    `POST / HTTP/1.0\r\n${HOST}connection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    [400],
  ],
  ['a coding behind a bare CR', post('x: y\rtransfer-encoding: chunked', `0\r\n\r\n${SMUGGLED}`), [400]],
  ['a coding behind a bare LF', post('x: y\ntransfer-encoding: chunked', `0\r\n\r\n${SMUGGLED}`), [400]],
  [
    'the coding in capitals',
    post('TRANSFER-ENCODING:\tCHUNKED ', `0\r\n\r\n${LAST}`),
    [200, 200],
    ['POST http://a/ ', SEEN_LAST],
  ],
]

const bad = (name: string, body: string, body_seen = ''): Row => [
  name,
  chunked(body),
  [400],
  [`POST http://a/ ${body_seen}…`],
]
const good = (name: string, body: string): Row => [name, chunked(body), [200], ['POST http://a/ abc']]

const chunks: Row[] = [
  good('plain chunks', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n'),
  good('a chunk with extensions', '3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'),
  good('a chunk’s size with zeros before it', '00000000000000000000003\r\nabc\r\n0\r\n\r\n'),
  good('trailers, which go nowhere', '3\r\nabc\r\n0\r\nhost: evil\r\nx-forwarded-for: 6.6.6.6\r\n\r\n'),
  bad('a chunk’s size in C', '0x3\r\nabc\r\n0\r\n\r\n'),
  bad('a chunk’s size with a sign', '+3\r\nabc\r\n0\r\n\r\n'),
  bad('a negative chunk', '-3\r\nabc\r\n0\r\n\r\n'),
  bad('a space before a chunk’s size', ' 3\r\nabc\r\n0\r\n\r\n'),
  bad('a space after a chunk’s size', '3 \r\nabc\r\n0\r\n\r\n'),
  bad('a chunk’s size of 65 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'),
  bad('no chunk size', '\r\nabc\r\n0\r\n\r\n'),
  bad('a bare LF after a chunk’s size', '3\nabc\r\n0\r\n\r\n'),
  bad('a bare LF in a chunk’s extension', '3;a\nbc\r\nabc\r\n0\r\n\r\n'),
  bad('a bare LF in a quoted extension', '3;a="\n"\r\nabc\r\n0\r\n\r\n'),
  bad('a bare CR in a chunk’s extension', '3;a\rbc\r\nabc\r\n0\r\n\r\n'),
  bad('a NUL in a chunk’s extension', '3;a\0\r\nabc\r\n0\r\n\r\n'),
  bad('a bare LF after a chunk', '3\r\nabc\n0\r\n\r\n', 'abc'),
  bad('nothing between chunks', '3\r\nabc0\r\n\r\n', 'abc'),
  bad('a bare LF at the end of the body', `3\r\nabc\r\n0\r\n\n${SMUGGLED}`, 'abc'),
  bad('a trailer that is no header', '3\r\nabc\r\n0\r\nx y: z\r\n\r\n', 'abc'),
  bad('a coding among the trailers', `3\r\nabc\r\n0\r\ntransfer-encoding: chunked\r\n\r\n${SMUGGLED}`, 'abc'),
  bad('a length among the trailers', `3\r\nabc\r\n0\r\ncontent-length: 35\r\n\r\n${SMUGGLED}`, 'abc'),
  ['endless extensions', chunked(`3;${'a'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`), [413], ['POST http://a/ …']],
  [
    'endless trailers',
    chunked(`3\r\nabc\r\n0\r\nx: ${'y'.repeat(50_000)}\r\n\r\n`),
    [431],
    ['POST http://a/ abc…'],
  ],
]

const lines: Row[] = [
  ['LF after the request line', `GET / HTTP/1.1\n${HOST}${CLOSE}\r\n`, [400]],
  ['LF after a header', `GET / HTTP/1.1\r\nhost: a\n${CLOSE}\r\n`, [400]],
  ['LF at the end of the head', `GET / HTTP/1.1\r\n${HOST}${CLOSE}\n`, [400]],
  ['CR after the request line', 'GET / HTTP/1.1\rhost: a\r\n\r\n', [400]],
  ['two CRs after a header', 'GET / HTTP/1.1\r\nhost: a\r\r\n\r\n', [400]],
  ['a space before the method', ` GET / HTTP/1.1\r\n${HOST}\r\n`, [400]],
  ['a space after the version', get('GET / HTTP/1.1 '), [400]],
  ['tabs for spaces', get('GET\t/\tHTTP/1.1'), [400]],
  ['empty lines before the request', `\r\n\r\n${LAST}`, [200], [SEEN_LAST]],
  ['an unknown method', get('FOO / HTTP/1.1'), [400]],
  ['an endless method', get(`${'A'.repeat(50_000)} / HTTP/1.1`), [400]],
  ['a method in small letters', get('get / HTTP/1.1'), [400]],
  ['no request at all', 'garbage\r\n\r\n', [400]],
  ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', [400]],
  ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', [400]],
  ['HTTP/2.0', get('GET / HTTP/2.0'), [505]],
  ['HTTP/1.2', get('GET / HTTP/1.2'), [400]],
  ['HTTP/1.10', get('GET / HTTP/1.10'), [400]],
  ['http in small letters', get('GET / http/1.1'), [400]],
  ['HTTP/0.9', 'GET /\r\n\r\n', [505]],
  ['HTTP/0.9 with headers', get('GET /a\nx: HTTP/1.1'), [505]],
  ['HTTP/1.0', `GET /last HTTP/1.0\r\n${HOST}\r\n${SMUGGLED}`, [200], [SEEN_LAST]],
  ['HTTP/1.0 without a Host', 'GET / HTTP/1.0\r\n\r\n', [400]],
]

const headers: Row[] = [
  ['a folded header', withHeader('b: c\r\n d'), [400]],
  ['a folded Host', withHost('a\r\n b'), [400]],
  ['a first header that is folded', get('GET / HTTP/1.1', ` b: c\r\n${HOST}`), [400]],
  ['no name', withHeader(': c'), [400]],
  ['no colon', withHeader('abc'), [400]],
  ['a space in a name', withHeader('a b: c'), [400]],
  ['a byte beyond ASCII in a name', withHeader('\xff: c'), [400]],
  ['NUL in a value', withHeader('b: \0'), [400]],
  ['a control character in a value', withHeader('b: \x01'), [400]],
  ['a bare CR in a value', withHeader('b: c\rd'), [400]],
  ['bytes beyond ASCII in a value', withHeader('b: \xff\xfe\xc3'), [200], ['GET http://a/ ']],
  [
    'names of JavaScript’s own',
    withHeader('__proto__: b\r\nconstructor: c\r\ntoString: d'),
    [200],
    ['GET http://a/ '],
  ],
  ['headers beyond the limit', withHeader(`b: ${'c'.repeat(40_000)}`), [431]],
  ['a name beyond the limit', withHeader(`${'b'.repeat(40_000)}: c`), [431]],
  ['too many headers', withHeader('b:c\r\n'.repeat(6000).slice(0, -2)), [431]],
  ['a length behind very many headers', post(`${'b:c\r\n'.repeat(3000)}content-length: 3`, 'abc'), [431]],
]

const REFUSED_HOSTS = [
  '',
  'a b',
  'a/b',
  'a@b',
  'a,b',
  'a%2eb',
  'a:80x',
  'a:',
  'a:99999',
  '\xff',
  '[::::]',
  '[1.2.3.4]',
  '1.2.3.999',
  '1.2.3.4.5',
  'xn--\xff',
  'a'.repeat(300),
  'a\\b',
  'a?b',
  'a#b',
  '<a>',
]
const hosts: Row[] = [
  ...REFUSED_HOSTS.map((host): Row => [`the Host ${JSON.stringify(host)}`, withHost(host), [400]]),
  ['no Host', get('GET / HTTP/1.1', ''), [400]],
  ['two Hosts', get('GET / HTTP/1.1', 'host: a\r\nhost: b\r\n'), [400]],
  ['the same Host twice', get('GET / HTTP/1.1', HOST + HOST), [400]],
  ['a second Host far behind', get('GET / HTTP/1.1', `${HOST}${'b:c\r\n'.repeat(900)}host: b\r\n`), [400]],
  ['a space before Host’s colon', get('GET / HTTP/1.1', 'host : a\r\n'), [400]],
  ['an IPv6 address for Host', withHost('[::1]:80'), [200], ['GET http://[::1]:80/ ']],
]

const REFUSED_TARGETS = [
  '\0',
  '/\0',
  '/a\tb',
  '/a\fb',
  '/a\x0bb',
  '/a b',
  '/a\x7f',
  '/a\rb',
  '/\xff\xfe',
  '/\xc3\xa9',
  '',
  '\\',
  '?a',
  '*',
  'a',
  ':80',
  '//\0',
  'ftp://b.test/',
  'http:///x',
  'http://u:p@b.test/',
  'http://b.test\\@c/',
  'javascript:alert(1)',
  'http://[/',
]
const targets: Row[] = [
  ...REFUSED_TARGETS.map(
    (target): Row => [`the target ${JSON.stringify(target)}`, withTarget(target), [400]],
  ),
  ['an absolute target, which beats Host', withTarget('http://b.test/x'), [200], ['GET http://b.test/x ']],
  [
    'an absolute target without Host',
    get('GET http://b.test/x HTTP/1.1', ''),
    [200],
    ['GET http://b.test/x '],
  ],
  ['an absolute target with two Hosts', get('GET http://b.test/x HTTP/1.1', HOST + HOST), [400]],
  ['two slashes', withTarget('//evil.test/x'), [200], ['GET http://a//evil.test/x ']],
  ['escapes that decode to nothing good', withTarget('/%00%ff%zz%'), [200], ['GET http://a/%00%ff%zz% ']],
  ['characters that no path has', withTarget('/"<>\\^`{|}'), [200], ['GET http://a/"<>\\^`{|} ']],
  ['a long target', withTarget(`/${'a'.repeat(20_000)}`), [200], [`GET http://a/${'a'.repeat(20_000)} `]],
  ['an endless target', withTarget(`/${'a'.repeat(40_000)}`), [431]],
]

const methods: Row[] = [
  ['CONNECT', `CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n${SMUGGLED}`, [501]],
  [
    'CONNECT with a body',
    `CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\ncontent-length: 5\r\n\r\n${SMUGGLED}`,
    [501],
  ],
  ['OPTIONS *', get('OPTIONS * HTTP/1.1'), [400]],
  ['TRACE, which is the app’s to answer', get('TRACE / HTTP/1.1'), [200], ['TRACE http://a/ ']],
  [
    'an upgrade to HTTP/2, which is not taken up',
    `GET / HTTP/1.1\r\n${HOST}connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n${SMUGGLED}`,
    [200],
    ['GET http://a/ '],
  ],
  [
    'an upgrade with a body',
    `POST / HTTP/1.1\r\n${HOST}connection: upgrade\r\nupgrade: x\r\ncontent-length: 3\r\n\r\nabc${SMUGGLED}`,
    [200],
    ['POST http://a/ abc'],
  ],
  [
    'a WebSocket',
    `GET / HTTP/1.1\r\n${HOST}connection: upgrade\r\nupgrade: websocket\r\n\r\n${SMUGGLED}`,
    [400],
  ],
  [
    'a WebSocket among others',
    `GET / HTTP/1.1\r\n${HOST}connection: upgrade\r\nupgrade: x, WebSocket\r\n\r\n${SMUGGLED}`,
    [400],
  ],
  ['an unknown expectation', get('GET / HTTP/1.1', `${HOST}expect: magic\r\n`) + SMUGGLED, [417]],
  [
    'an expectation with its body at once',
    post('expect: 100-continue\r\ncontent-length: 3\r\nconnection: close', 'abc'),
    [100, 200],
    ['POST http://a/ abc'],
  ],
  [
    'an expectation in HTTP/1.0',
    `POST / HTTP/1.0\r\n${HOST}expect: 100-continue\r\ncontent-length: 3\r\n\r\nabc`,
    [200],
    ['POST http://a/ abc'],
  ],
]

const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`
const pipelines: Row[] = [
  ['three in a row', GET + GET + LAST, [200, 200, 200], ['GET http://a/ ', 'GET http://a/ ', SEEN_LAST]],
  ['garbage after two', `${GET}${GET}garbage\r\n\r\n`, [200, 200, 400], ['GET http://a/ ', 'GET http://a/ ']],
  ['a bad chunk after one', GET + chunked('z\r\n'), [200, 400], ['GET http://a/ ', 'POST http://a/ …']],
  [
    'a refused one before another',
    post('content-length: 0', '') + withHost('a@b') + SMUGGLED,
    [200, 400],
    ['POST http://a/ '],
  ],
  ['another after the last', LAST + SMUGGLED, [200], [SEEN_LAST]],
]

export const HOSTILE_REQUESTS: HostileRequest[] = [
  ...lengths,
  ...codings,
  ...chunks,
  ...lines,
  ...headers,
  ...hosts,
  ...targets,
  ...methods,
  ...pipelines,
].map(([name, bytes, statuses, seen = []]) => ({ name, bytes, statuses, seen }))
