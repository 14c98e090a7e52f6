import { type TestContext, test } from 'node:test'
import { Instance, type InstanceOwner } from '../../src/scheduler/instance.ts'
import { Runtime } from '../../src/scheduler/runtime.ts'
import { garbageCollector } from '../support/garbage.ts'

const OWNER: InstanceOwner = {
  name: 'app',
  version: 'v1',
  onStarting: () => {},
  onStarted: () => {},
  onReturned: () => {},
  onFinished: () => {},
  onEnded: () => {},
  onUnwanted: () => {},
  shownStack: () => null,
}

function instance(id: number): Instance {
  const runtime = new Runtime('r0', { heartbeatMs: 500, heartbeatMisses: 8, rssBytesMax: 2 ** 30 })
  return new Instance(id, { runtime, owner: OWNER, memoryBytesMax: 2 ** 27 })
}

test('of an app’s last lines their beginnings are kept, and a few of them', (t: TestContext) => {
  const one = instance(1)

  for (let i = 0; i < 30; i++) one.remember(`${i} ${'x'.repeat(i === 29 ? 1000 : 5)}`)

  t.assert.equal(one.lastLines.length, 20)
  t.assert.equal(one.lastLines[0], '10 xxxxx')
  t.assert.equal(one.lastLines[19], `29 ${'x'.repeat(497)}…`)
})

test('lines of 64 kB that were cut off take no more memory than what is kept of them', (t: TestContext) => {
  const collect = garbageCollector()
  const line = Buffer.alloc(65_536, 'x')
  const instances = Array.from({ length: 50 }, (_, id) => instance(id))
  collect()
  const before = process.memoryUsage().heapUsed

  for (const one of instances) for (let i = 0; i < 20; i++) one.remember(line.latin1Slice(0, line.length))

  collect()
  const keptMb = (process.memoryUsage().heapUsed - before) / 2 ** 20
  t.assert.equal(instances[49]!.lastLines.length, 20)
  t.assert.equal(keptMb < 10, true, `${keptMb} MB`)
})
