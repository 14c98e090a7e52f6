import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { encodeBundle } from '../../src/bundle.ts'
import { RuntimeClient } from '../../src/runtime/client.ts'
import { Connection } from '../../src/runtime/connection.ts'
import type { Isolate } from '../../src/runtime/isolate.ts'
import type { IsolatePool } from '../../src/runtime/isolate-pool.ts'
import { encodeText, readRecords, Texts, Violation } from '../../src/runtime/records.ts'
import type { Fetcher } from '../../src/runtime/subrequest.ts'
import {
  CONTROL,
  CONTROL_BYTES,
  EVENTS_OFFSET,
  GUEST_ID,
  OUTBOX_BYTES,
  RECORD,
  RESPONSE_FINISHED,
  RESPONSE_WHOLE,
} from '../../src/sandbox/wire.ts'
import { startRuntime } from '../support/runtime.ts'
import { CountingExchange, failAll, SPEC } from './exchanges.ts'
import { bytes, holds, textOf } from './property.ts'
import { THROWN } from './regressions.ts'

interface GuestRecord {
  type: number
  /** Of the request that is running, or as it is. */
  id: number | 'current'
  payload: Buffer
}

const payloads = fc.oneof(
  bytes(40),
  bytes(16, [0, 1, 2, 4]),
  // A response's head, whole or not, with or without a text.
  fc
    .nat(7)
    .map(flags => Buffer.from([200, 0, flags, 0, 0, 0, 0, 0, 4, 0, 0, 0, ...Buffer.from('a\nb\nbody')])),
  // A fetch of request 1 of the connection.
  fc.nat(15).map(flags => Buffer.from([0, 0, 1, 0, flags, 0, 0, 0, ...Buffer.from('POST\nhttp://a/\nb\nc')])),
  fc.nat(60_000).map(size => Buffer.alloc(size, '\x01')),
)
const records: fc.Arbitrary<GuestRecord> = fc.record({
  type: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...Object.values(RECORD)) }, fc.nat(255)),
  id: fc.oneof(
    { weight: 3, arbitrary: fc.constant<'current'>('current') },
    fc.constantFrom(0, 65_536, GUEST_ID, GUEST_ID + 1, 0xffff_ffff),
  ),
  payload: payloads,
})

interface Call {
  records: GuestRecord[]
  texts: string
  /** What the isolate says of itself. */
  control: [index: number, value: number][]
}

const calls: fc.Arbitrary<Call> = fc.record({
  records: fc.array(records, { maxLength: 6 }),
  texts: fc.oneof(fc.constant('3:abc2:de0:'), textOf(['1:a', '5:', ':', '-1:', '1e3:', '0.5:'], 4)),
  control: fc.array(
    fc.tuple(
      fc.constantFrom(...Object.values(CONTROL)),
      fc.oneof(fc.integer({ min: -2, max: 3 }), fc.integer()),
    ),
    { maxLength: 2 },
  ),
})

suite('records of an isolate', () => {
  test('are read or refused, never beyond the outbox', async () => {
    const input = fc.tuple(bytes(200, [0, 1, 8, 255]), fc.integer({ min: -10, max: 300 }))
    await holds(input, { runs: 2000 }, ([outbox, size]) => {
      refuses(() =>
        readRecords(outbox, size, (_type, _id, payload) => {
          assert.ok(payload.byteOffset + payload.length <= outbox.byteOffset + Math.max(0, size))
        }),
      )
    })
  })

  test('bring their texts as they were, or are refused', async () => {
    await holds(fc.array(fc.string({ unit: 'binary' })), { runs: 500 }, list => {
      const texts = new Texts(list.map(text => `${text.length}:${text}`).join(''))
      assert.deepEqual(
        list.map(() => texts.next()),
        list,
      )
      for (const text of list) assert.equal(encodeText(text).toString(), text.toWellFormed())
    })
    await holds(textOf(['1:a', '5:', ':', '-1:', '1e3:', '0.5:', 'NaN:'], 8), { runs: 500 }, all => {
      const texts = new Texts(all)
      refuses(() => {
        for (let i = 0; i < 10; i++) assert.ok(texts.next().length <= all.length)
      })
    })
  })
})

test('whatever an isolate leaves in its memory costs itself alone, and each request gets one answer', async () => {
  await using runtime = await startForged()

  await holds(fc.array(calls, { minLength: 1, maxLength: 4 }), { runs: 300 }, async script => {
    const forged = await runtime.start(script)
    const victim = await runtime.start([HONEST])
    const requests = [runtime.send(forged), runtime.send(forged)]

    const answer = await runtime.send(victim).answer

    assert.deepEqual([answer.status, answer.failure], [200, null])
    runtime.client.stop(forged, 'shutdown')
    runtime.client.stop(victim, 'shutdown')
    for (const request of requests) {
      await request.answer
      assert.ok(request.heads <= 1 && request.ends === 1)
    }
    assert.deepEqual(runtime.catastrophes, [])
  })
})

test('what an app throws, however long and of whatever lines, ends no runtime', async () => {
  await using runtime = await startRuntime()
  for (const text of THROWN) {
    const source = `const text = ${JSON.stringify(text.slice(0, 8))}.repeat(${Math.ceil(text.length / 8)})`
    const rejected = await runtime.start(
      `${source}\nexport default { fetch() { Promise.reject(new Error(text)); return new Response('ok') } }`,
    )
    assert.equal((await runtime.fetch(rejected.instance, 'http://a/')).body.toString(), 'ok')
    const thrown = await runtime.start(`${source}\nexport default { fetch() { throw new Error(text) } }`)
    assert.equal((await runtime.fetch(thrown.instance, 'http://a/')).failure?.outcome, 'exception')
    const started = await runtime.start(`${source}\nthrow new Error(text)`)
    assert.equal(started.outcome, 'startupError')

    const began = performance.now()
    await runtime.client.ping()
    assert.ok(performance.now() - began < 500, 'its loop turns')
  }
  assert.equal((await runtime.start(`import '${'a'.repeat(2_000_000)}'`)).outcome, 'startupError')
  await runtime.client.ping()
})

const HONEST: Call = {
  records: [
    {
      type: RECORD.response,
      id: 'current',
      payload: Buffer.from([200, 0, RESPONSE_WHOLE | RESPONSE_FINISHED, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    },
  ],
  texts: '',
  control: [],
}

/** An isolate that runs nothing: at each call its memory is what a script says. */
class ForgedIsolate {
  readonly control = new SharedArrayBuffer(CONTROL_BYTES)
  readonly outbox = new SharedArrayBuffer(OUTBOX_BYTES)
  readonly memoryMb = 128
  isDisposed = false
  onCatastrophe = () => {}
  readonly #words = new Int32Array(this.control)
  readonly #script: Call[]
  #texts = ''

  constructor(script: Call[]) {
    this.#script = script
  }

  async compile() {
    return { evaluate: async () => ['fetch'] }
  }

  async enter(): Promise<void> {
    const { records, texts, control } = this.#script.shift() ?? HONEST
    const current = this.#words[EVENTS_OFFSET / 4 + 1]!
    this.#words.fill(0, 0, EVENTS_OFFSET / 4)
    this.#words[CONTROL.current] = current
    this.#words[CONTROL.begun] = 1
    this.#words[CONTROL.texts] = texts === '' ? 0 : 1
    this.#texts = texts
    const outbox = Buffer.from(this.outbox)
    let at = 0
    for (const { type, id, payload } of records) {
      if (at + 8 + payload.length > outbox.length) break
      outbox.writeUInt32LE((type | (payload.length << 8)) >>> 0, at)
      outbox.writeUInt32LE((id === 'current' ? current : id) >>> 0, at + 4)
      payload.copy(outbox, at + 8)
      at = (at + 8 + payload.length + 7) & ~7
    }
    this.#words[CONTROL.outboxBytes] = at
    for (const [index, value] of control) this.#words[index] = value
  }

  takeTexts = () => this.#texts
  cpuNs = () => (this.isDisposed ? null : 0n)
  heapBytes = () => null
  dispose(): void {
    this.isDisposed = true
  }
}

/** A runtime's end of a connection with forged isolates, and the scheduler's end. */
async function startForged() {
  const scripts: Call[][] = []
  const pool = { ready: 0, take: async () => new ForgedIsolate(scripts.shift()!) as unknown as Isolate }
  const fetcher = {
    fetch: async ({ url }: { url: string }) => {
      const body = Readable.from([Buffer.from('fetched')])
      return { status: 200, statusText: '', url, redirected: false, headers: [], body }
    },
  }
  const accepted: Socket[] = []
  const server = createServer(socket => {
    accepted.push(socket)
    new Connection(socket, {
      token: '',
      pool: pool as unknown as IsolatePool,
      fetcher: async () => fetcher as unknown as Fetcher,
      cache: async () => fetcher as unknown as Fetcher,
      killGraceMs: 250,
      traceContext: true,
      processStats: () => ({ rssBytes: 0, eventLoopLagMs: 0 }),
      onCatastrophe: () => {},
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const catastrophes: string[] = []
  const client = await RuntimeClient.connect(
    { host: '127.0.0.1', port },
    {
      token: '',
      events: {
        instanceStarted: () => {},
        instanceStuck: () => {},
        instanceEnded: (_instance, _end, failed) => failAll(failed),
        finished() {},
        log() {},
        notice() {},
        catastrophe: message => catastrophes.push(message),
        closed: failed => failed.forEach(failAll),
      },
    },
  )
  let instances = 0
  return {
    client,
    catastrophes,
    async start(script: Call[]): Promise<number> {
      scripts.push([...script])
      const bundle = encodeBundle([{ name: 'index.js', type: 'esm', content: Buffer.alloc(0) }])
      const instance = ++instances
      const result = await client.start(instance, { ...SPEC, bundleBytes: bundle.length }, bundle)
      assert.equal(result.outcome, 'ok')
      return instance
    },
    send(instance: number): CountingExchange {
      const exchange = new CountingExchange('http://a/')
      client.send(instance, exchange)
      return exchange
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      for (const socket of accepted) socket.destroy()
      server.close()
    },
  }
}

function refuses(read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof Violation)) throw error
  }
}
