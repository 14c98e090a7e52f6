import { test } from 'node:test'
import { sendRaw, setUp } from './setup.ts'

const MALFORMED: [name: string, request: string, status: number][] = [
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400],
  ['a Host that is none', 'GET / HTTP/1.1\r\nhost: a/b@c\r\n\r\n', 400],
  ['a target that is no path', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n', 400],
  ['garbage', 'garbage\r\n\r\n', 400],
  ['a folded header', 'GET / HTTP/1.1\r\nhost: a\r\nb: c\r\n d\r\n\r\n', 400],
  ['NUL in a header', 'GET / HTTP/1.1\r\nhost: a\r\nb: \0\r\n\r\n', 400],
  [
    'both length and chunks',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['headers too long', `GET / HTTP/1.1\r\nhost: a\r\nb: ${'c'.repeat(40_000)}\r\n\r\n`, 431],
  ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n', 501],
  ['a WebSocket', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', 400],
  ['an unknown expectation', 'GET / HTTP/1.1\r\nhost: a\r\nexpect: magic\r\n\r\n', 417],
  ['a bad chunk', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n', 400],
]

for (const [name, request, status] of MALFORMED) {
  test(`a request with ${name} is answered with ${status}`, async t => {
    const { port, events } = await setUp(t, () => {})

    const answer = await sendRaw(port, request)

    t.assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    t.assert.match(answer, /x-request-id: /)
    t.assert.equal(events.length, 1)
  })
}
