import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type Collectable, IdleCollector } from '../../src/runtime/idle-collector.ts'
import { startRuntime } from '../support/runtime.ts'

class Fake extends EventTarget implements Collectable {
  readonly busy: boolean
  isOver = false
  running = false
  collected = 0
  #calls = 0

  constructor({ busy = false } = {}) {
    super()
    this.busy = busy
  }

  get calls(): number {
    return this.busy ? this.#calls++ : this.#calls
  }

  push(): void {
    this.#calls++
    this.collected++
    this.dispatchEvent(new Event('collected'))
  }
}

const heapOf = (heapBytes: number) => ({ heapBytes: () => ({ heapBytes }) })

test('instances without calls are collected, once; not those with calls or in one, nor large ones', async () => {
  const [first, busy, large, last] = [new Fake(), new Fake({ busy: true }), new Fake(), new Fake()]
  const late = new Fake()
  const running = new Fake()
  running.running = true
  using collector = new IdleCollector({ lookMs: 1, pauseMs: 1 })
  collector.add(first, heapOf(2e6))
  collector.add(busy, heapOf(2e6))
  collector.add(large, heapOf(100e6))
  collector.add(running, { heapBytes: () => assert.fail('this would wait for the call to end') })
  collector.add(last, heapOf(2e6))

  await once(last, 'collected')
  collector.add(late, heapOf(2e6))
  await once(late, 'collected')

  const collected = [first, busy, large, last].map(instance => instance.collected)
  assert.deepEqual(collected, [1, 0, 0, 1])
})

test('an idle app gives memory back and goes on with what it had', async () => {
  await using runtime = await startRuntime()
  const app = `let count = 0
    export default { fetch() {
      for (let i = 0; i < 2e4; i++) globalThis.garbage = new Array(10).fill(i)
      return Response.json(++count)
    } }`
  const { instance } = await runtime.start(app)
  const ask = async () => JSON.parse((await runtime.fetch(instance, 'http://app.test/')).body.toString())
  const heapBytesBelow = async (max: number) => {
    for (;;) {
      const { instances } = await runtime.client.ping()
      const bytes = instances.find(stats => stats.instance === instance)?.heapBytes ?? max
      if (bytes < max) return bytes
    }
  }

  const first = await ask()
  await heapBytesBelow(await heapBytesBelow(Number.POSITIVE_INFINITY))
  const second = await ask()

  assert.deepEqual([first, second], [1, 2])
})
