import { test } from 'node:test'
import { type RuntimeRestartEvent, runtimeRestartChannel } from '../../src/channels.ts'
import { type Renewable, Renewal } from '../../src/scheduler/renewal.ts'
import { answering, load, startAll } from './real-runtimes.ts'
import { collect, until } from './setup.ts'

const MB = 2 ** 20

/** Two runtimes that hold what the test says, and what has been done about them. */
function scripted() {
  const done: string[] = []
  const runtime = (name: string) => ({
    up: true,
    pid: 100,
    leaving: false,
    rssBytes: 100 * MB,
    prewarmed: 2,
    instances: new Map([[1, { cpuMs: 1, memoryBytes: 5 * MB }]]),
    kill: (reason: string, detail: string) => void done.push(`${name} killed: ${reason}, ${detail}`),
  })
  const runtimes = { a: runtime('a'), b: runtime('b') }
  const renewal = new Renewal<Renewable>({
    wasteBytesMax: 128 * MB,
    everyMs: 500,
    vacate: vacated => done.push(`${vacated === runtimes.a ? 'a' : 'b'} vacated`),
  })
  const look = (times: number) => {
    for (let i = 0; i < times; i++) renewal.look([runtimes.a, runtimes.b])
  }
  return { ...runtimes, done, look }
}

test('a runtime that has been wasteful and calm for a while is left by its apps, and ends when it is empty', t => {
  const { b, done, look } = scripted()
  b.rssBytes = 250 * MB

  look(19)
  t.assert.deepEqual(done, [])
  look(5)
  t.assert.deepEqual([done, b.leaving], [['b vacated'], true])
  b.instances.clear()
  look(1)

  t.assert.deepEqual(done, ['b vacated', 'b killed: renewal, 250 MB resident without any app'])
  t.assert.equal(b.leaving, false)
})

test('memory that apps account for is no waste, nor are isolates that wait', t => {
  const { a, b, done, look } = scripted()
  a.rssBytes = 250 * MB
  a.instances.set(2, { cpuMs: 0, memoryBytes: 60 * MB })
  b.rssBytes = 250 * MB
  b.prewarmed = 64

  look(100)

  t.assert.deepEqual(done, [])
})

test('a runtime at work is not replaced, nor the only one, and after one nobody is for a while', t => {
  const { a, b, done, look } = scripted()
  a.rssBytes = 250 * MB
  a.instances.set(1, { cpuMs: 150, memoryBytes: 0 })
  look(50)
  t.assert.deepEqual(done, [])

  a.instances.clear()
  b.up = false
  look(50)
  t.assert.deepEqual(done, [])

  b.up = true
  look(2)
  t.assert.equal(done.length, 2)
  look(120)
  t.assert.equal(done.length, 2)
  look(2)
  t.assert.equal(done.length, 4)
})

test('a runtime that its apps do not leave, for their streams and sockets, stays in use', t => {
  const { a, done, look } = scripted()
  a.rssBytes = 250 * MB

  look(200)

  t.assert.deepEqual([done, a.leaving], [['a vacated'], false])
})

test('a process that has taken the place of one that its apps were leaving is not ended', t => {
  const { a, done, look } = scripted()
  a.rssBytes = 250 * MB
  look(21)

  a.pid = 101
  a.instances.clear()
  look(1)

  t.assert.deepEqual([done, a.leaving], [['a vacated'], false])
})

/** 64 MB that no JavaScript ever sees: `(memory 1024) (func (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x4000000)))`. */
const HIDING = `const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 0, 128, 8,
    8, 1, 0, 10, 16, 1, 14, 0, 65, 0, 65, 1, 65, 128, 128, 128, 32, 252, 11, 0, 11])
  let kept
  export default { fetch() { kept ??= new WebAssembly.Instance(new WebAssembly.Module(bytes)); return new Response('kept') } }`

test('a large process gives way to a new one while its apps are asked, and no request fails', async t => {
  await using platform = await startAll({
    heartbeatMs: '50',
    heartbeatMisses: '200',
    renewMb: '40',
    cpuMs: '5000',
    cpuMsMax: '5000',
    // Where cores are short, who fills 64 MB would be moved for it, and its memory be gone.
    backgroundNice: '0',
  })
  const restarts = collect<RuntimeRestartEvent>(t, runtimeRestartChannel)
  platform.deploy('hiding', HIDING)
  platform.deploy('victim', answering('well'))
  const pids = platform.supervisor.runtimes.map(({ pid }) => pid)
  await platform.ask('hiding')
  const { stop } = load(1, () => platform.askGently('victim'))

  await until(() => restarts.length > 0)
  await until(() => platform.supervisor.runtimes.filter(({ up }) => up).length === 2)
  const { body } = await platform.ask('hiding')
  const answers = await stop()

  t.assert.deepEqual(
    restarts.map(({ reason, apps }) => [reason, apps]),
    [['renewal', []]],
  )
  t.assert.equal(platform.supervisor.runtimes.filter(({ pid }) => pids.includes(pid)).length, 1)
  t.assert.equal(body, 'kept')
  t.assert.deepEqual(
    answers.filter(({ body }) => body !== 'well'),
    [],
  )
  t.assert.deepEqual(platform.scheduler.stats().quarantine, [])
})
