import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { finished, start, startControl, vitrine } from './support.ts'

const LOG = {
  type: 'log',
  app: 'hello',
  version: 'v',
  requestId: 'r',
  level: 'warn',
  kind: 'console',
  message: 'careful\u001b[2J\nsecond line',
  time: Date.UTC(2026, 0, 1, 12, 0, 0, 5),
}
const REQUEST = {
  type: 'request',
  method: 'GET',
  url: '/path?x=1',
  status: 200,
  outcome: 'ok',
  durationMs: 3.21,
  cpuMs: 0.4,
  coldStart: true,
  retries: 0,
  startedAt: Date.UTC(2026, 0, 1, 12, 0, 1, 25),
}

test('tail shows console lines and requests, and what an app logs cannot steer the terminal', async () => {
  await using control = await startControl({
    'GET /apps/hello/tail': (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      // Split in the middle of a line, with a blank line to keep the connection alive.
      const text = `${JSON.stringify(LOG)}\n\n${JSON.stringify(REQUEST)}\n{"type":"dropped","count":7}\n`
      response.write(text.slice(0, 40))
      setImmediate(() => response.write(text.slice(40)))
    },
  })
  const child = start(['tail', 'hello'], { env: { ...control.env, TZ: 'UTC' } })
  const lines: string[] = []
  const done = finished(child)
  const reader = createInterface({ input: child.stdout! })
  reader.on('line', line => lines.push(line))
  while (lines.length < 4) await once(reader, 'line')

  child.kill('SIGINT')
  const { code, stderr } = await done

  assert.deepEqual(lines, [
    '12:00:00.005 warn  careful',
    '    second line',
    '12:00:01.025 GET /path?x=1 200 ok 3.2 ms (cpu 0.4 ms, cold start)',
    '… 7 events left out: this reader is too slow',
  ])
  assert.equal(stderr, 'Following hello; Ctrl-C ends it.\n')
  assert.equal(code, 0)
})

test('tail connects again when the platform comes back, and --json prints the lines as they came', async () => {
  const answer = (line: string) => ({
    'GET /apps/hello/tail': (_request: unknown, response: import('node:http').ServerResponse) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' })
      response.write(`${line}\n`)
    },
  })
  const first = await startControl(answer('{"n":1}'))
  const child = start(['tail', 'hello', '--json'], { env: first.env })
  const done = finished(child)
  const reader = createInterface({ input: child.stdout! })
  const [one] = (await once(reader, 'line')) as [string]

  await first[Symbol.asyncDispose]()
  await once(child.stderr!, 'data')
  await using _second = await startControl(answer('{"n":2}'), first.port)
  const [two] = (await once(reader, 'line')) as [string]
  child.kill('SIGTERM')
  const { code, stderr } = await done

  assert.deepEqual([one, two], ['{"n":1}', '{"n":2}'])
  assert.equal(stderr, 'The connection is lost; connecting again …\n')
  assert.equal(code, 0)
})

test('tail of an app that does not exist fails at once', async () => {
  await using control = await startControl({})

  const { code, stderr } = await vitrine(['tail', 'nope'], { env: control.env })

  assert.equal(code, 1)
  assert.match(stderr, /^vitrine: There is no such app/)
})
