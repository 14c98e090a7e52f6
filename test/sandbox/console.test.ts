import { type TestContext, test } from 'node:test'
import { openWebSandbox } from '../support/web-sandbox.ts'

/** The lines that the code writes, without their level. */
async function linesOf(code: string): Promise<string[]> {
  await using sandbox = await openWebSandbox()
  return (await sandbox.run(`${code}\n;lines.map(line => line.replace(/^[a-z]+: /, ''))`)) as string[]
}

test('values read as in Node', async t => {
  const lines = await linesOf(`
    console.log('text', 1, -0, 2n, true, null, undefined, Symbol('s'))
    console.log({ a: 'it\\'s', 'b-c': [1, , 'x'], [Symbol('k')]: () => {}, f: function named() {}, C: class C {} })
    console.log([], {}, new Map([['k', { v: 1 }]]), new Set([1]), new Date(0), /x/g, Object(1), new Uint8Array(2))
    class Point { x = 1; get y() { throw 1 } }
    console.log(new Point(), Object.create(null), [1, 2].entries === undefined, new (class Row extends Array {})(2))
    console.log({ get a() { throw 1 }, set b(v) {}, get c() { throw 1 }, set c(v) {} })
  `)

  t.assert.deepEqual(lines, [
    'text 1 -0 2n true null undefined Symbol(s)',
    `{\n  a: "it's",\n  'b-c': [ 1, <1 empty item>, 'x' ],\n  f: [Function: named],\n  C: [class C],\n  [Symbol(k)]: [Function: [k]]\n}`,
    "[] {} Map(1) { 'k' => { v: 1 } } Set(1) { 1 } 1970-01-01T00:00:00.000Z /x/g [Number: 1] Uint8Array(2) [ 0, 0 ]",
    'Point { x: 1 } [Object: null prototype] {} false Row(2) [ <2 empty items> ]',
    '{ a: [Getter], b: [Setter], c: [Getter/Setter] }',
  ])
})

test('errors show their stacks, causes and properties', async t => {
  const [text] = await linesOf(`
    const cause = new TypeError('inner')
    const error = Object.assign(new Error('outer', { cause }), { code: 7 })
    error.stack = 'Error: outer\\n    at here'
    cause.stack = 'TypeError: inner\\n    at there'
    console.log({ error })
  `)

  t.assert.equal(
    text,
    '{\n  error: Error: outer\n      at here {\n    [cause]: TypeError: inner\n        at there,\n    code: 7\n  }\n}',
  )
})

test('objects of the platform show what they are', async t => {
  const lines = await linesOf(`
    console.log(new Headers({ a: 'b' }), new URLSearchParams('x=1'), new Blob(['ab'], { type: 'c/d' }))
    console.log(new Response(null, { status: 201 }))
    console.log(Object.create(Headers.prototype), new DOMException('m', 'AbortError').name)
  `)

  t.assert.deepEqual(lines, [
    "Headers { a: 'b' } URLSearchParams { x: '1' } Blob { size: 2, type: 'c/d' }",
    "Response {\n  status: 201,\n  statusText: '',\n  headers: Headers {},\n  ok: true,\n  redirected: false,\n  type: 'default',\n  url: ''\n}",
    'Headers {} AbortError',
  ])
})

test('cycles and depths are named', async t => {
  const lines = await linesOf(`
    const a = { list: [] }
    a.self = a
    a.list.push(a, a.list)
    console.log(a)
    console.log({ 1: { 2: { 3: { 4: { 5: { 6: 'deep' } } } } } })
  `)

  t.assert.deepEqual(lines, [
    '<ref *1> { list: <ref *2> [ [Circular *1], [Circular *2] ], self: [Circular *1] }',
    "{ '1': { '2': { '3': { '4': { '5': [Object] } } } } }",
  ])
})

test('directives are filled in', async t => {
  const lines = await linesOf(`
    console.log('%s is %d of %i, %f, %j, %o, %c%%, %x %s', 'a', '4.5', '3.9', '1.5', { j: 1 }, [1], 'css', 'rest')
    console.log('%s', 'a', 'b', { c: 1 })
    console.log('100%', 1)
    console.log('%d %s', Symbol('x'))
  `)

  t.assert.deepEqual(lines, [
    'a is 4.5 of 3, 1.5, {"j":1}, [ 1 ], %, %x rest',
    'a b { c: 1 }',
    '100% 1',
    'NaN %s',
  ])
})

test('nothing that an object does breaks the line or makes it long', async (t: TestContext) => {
  const lines = await linesOf(`
    console.log(new Proxy({}, new Proxy({}, { get() { throw 'trap' } })))
    console.log(new Proxy([1, 2], {}))
    console.log(Object.defineProperty({}, Symbol.toStringTag, { get() { throw 1 } }))
    console.log(Array.from({ length: 1e6 }, (_, i) => i))
    console.log(new Array(1e9))
    console.log({ long: 'x'.repeat(1e6) })
    console.log(Array.from({ length: 90 }, () => Array.from({ length: 90 }, () => ({ text: 'y'.repeat(500) }))))
    const endless = () => new Proxy({}, { getPrototypeOf: endless })
    console.log(endless())
  `)

  t.assert.equal(lines.length, 8)
  t.assert.equal(lines[0], '[an object that cannot be inspected]')
  t.assert.equal(lines[1], '[ 1, 2 ]')
  t.assert.match(lines[3]!, /^\[\n {2}0, 1, 2, .* 99,\n {2}\.\.\. 999900 more items\n\]$/s)
  t.assert.match(lines[4]!, /1000000000 more items|empty items/)
  t.assert.ok(lines[5]!.endsWith('... 990000 more characters\n}'))
  for (const line of lines) t.assert.ok(line.length < 70_000, `${line.length} characters`)
})

test('groups, counters, timers, assertions and tables write their lines', async t => {
  await using sandbox = await openWebSandbox()

  const lines = await sandbox.run(`
    console.group('outer')
    console.warn('two\\nlines')
    console.groupEnd()
    console.count(); console.count('x'); console.count(); console.countReset(); console.count(); console.countReset('none')
    console.time('t'); advance(42); console.timeLog('t', 'so far'); console.timeEnd('t'); console.timeEnd('t')
    console.assert(true, 'no'); console.assert(false, '%s!', 'yes'); console.assert(false, { a: 1 })
    console.table([{ a: 1, b: 'x' }, { a: 2 }, 3])
    console.table('no table'); console.dir({ a: 1 }); console.debug('d'); console.error('e'); console.info('i')
    lines
  `)

  t.assert.deepEqual(lines, [
    'info: outer',
    'warn:   two\n  lines',
    'info: default: 1',
    'info: x: 1',
    'info: default: 2',
    'info: default: 1',
    "warn: Count for 'none' does not exist",
    'info: t: 42ms so far',
    'info: t: 42ms',
    "warn: No timer 't' for console.timeEnd()",
    'error: Assertion failed: yes!',
    'error: Assertion failed: { a: 1 }',
    `info: ${[
      '┌─────────┬───┬─────┬────────┐',
      '│ (index) │ a │ b   │ Values │',
      '├─────────┼───┼─────┼────────┤',
      "│ 0       │ 1 │ 'x' │        │",
      '│ 1       │ 2 │     │        │',
      '│ 2       │   │     │ 3      │',
      '└─────────┴───┴─────┴────────┘',
    ].join('\n')}`,
    'info: no table',
    'info: { a: 1 }',
    'debug: d',
    'error: e',
    'info: i',
  ])
})

test('trace tells where it was called', async t => {
  const [line] = await linesOf("function here() { console.trace('at', 1) }\nhere()")

  t.assert.match(line!, /^Trace: at 1\n {4}at here/)
})
