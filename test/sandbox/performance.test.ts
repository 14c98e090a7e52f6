import { test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

test('marks and measures stand on the timeline by start time, until they are cleared', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    performance.mark('late', { startTime: 20, detail: { why: 'test' } })
    performance.mark('early', { startTime: 5 })
    performance.measure('between', 'early', 'late')
    const list = entries => entries.map(({ name, entryType, startTime, duration }) => [name, entryType, startTime, duration])
    const before = list(performance.getEntries())
    const [{ detail }] = performance.getEntriesByName('late', 'mark')
    performance.clearMarks('late')
    const after = list(performance.getEntriesByType('mark'))
    ;[before, detail, after]
  `)

  t.assert.deepEqual(seen, [
    [
      ['early', 'mark', 5, 0],
      ['between', 'measure', 5, 15],
      ['late', 'mark', 20, 0],
    ],
    { why: 'test' },
    [['early', 'mark', 5, 0]],
  ])
})

test('an observer hears at the end of the turn of what it asked for, the past included', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`(async () => {
    const heard = []
    performance.mark('before')
    const observer = new PerformanceObserver((list, self, { droppedEntriesCount }) => {
      heard.push([list.getEntries().map(({ name }) => name), self === observer, droppedEntriesCount])
    })
    observer.observe({ type: 'mark', buffered: true })
    performance.mark('one')
    performance.measure('not a mark')
    performance.mark('two')
    const inTurn = heard.length
    await null
    observer.disconnect()
    performance.mark('unheard')
    await null
    return [inTurn, heard]
  })()`)

  t.assert.deepEqual(seen, [0, [[['before', 'one', 'two'], true, 0]]])
})

test('the timeline is bounded, and says how much it dropped', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`(async () => {
    for (let i = 0; i < 10_010; i++) performance.mark('flood')
    const told = await new Promise(resolve => {
      new PerformanceObserver((list, self, options) => resolve(options.droppedEntriesCount)).observe({ type: 'mark', buffered: true })
    })
    return [performance.getEntries().length, told]
  })()`)

  t.assert.deepEqual(seen, [10_000, 10])
})

test('measures of marks that do not exist, and contradictory ones, are refused', async t => {
  await using sandbox = await openWebSandbox()

  const seen = await sandbox.run(`
    const refusal = act => { try { act() } catch (error) { return error.name } }
    ;[
      refusal(() => performance.measure('a', 'never marked')),
      refusal(() => performance.measure('a', { start: 1, end: 2, duration: 1 })),
      refusal(() => performance.measure('a', { detail: 1 })),
      refusal(() => performance.mark('a', { startTime: -1 })),
    ]
  `)

  t.assert.deepEqual(seen, ['SyntaxError', 'TypeError', 'TypeError', 'TypeError'])
})
