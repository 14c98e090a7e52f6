import { after, before, type TestContext, test } from 'node:test'
import { openSandbox, type Sandbox } from '../support/isolate.ts'

let sandbox: Sandbox

before(async () => {
  const source = `
    import { URLPattern } from './url-pattern.ts'
    export { installParts } from './parts.ts'
    globalThis.URLPattern = URLPattern`
  sandbox = await openSandbox(source, { parts: ['url-pattern'] })
})

after(() => sandbox[Symbol.asyncDispose]())

test('names, wildcards and expressions are matched, and tell what they matched', async (t: TestContext) => {
  const found = await sandbox.run(`
    const pattern = new URLPattern('https://*.shop.test/:kind/:id(\\\\d+)/*?', 'https://shop.test')
    const { hostname, pathname } = pattern.exec('https://eu.shop.test/books/42/reviews')
    JSON.stringify([hostname.groups, pathname.groups, pattern.hasRegExpGroups, pattern.test('https://eu.shop.test/books/x')])`)

  t.assert.deepEqual(JSON.parse(found as string), [
    { 0: 'eu' },
    { kind: 'books', id: '42', 0: 'reviews' },
    true,
    false,
  ])
})

test('a pattern is normalized, and relative ones are completed from their base', async (t: TestContext) => {
  const shown = await sandbox.run(`
    const relative = new URLPattern({ pathname: 'b/:name', baseURL: 'https://app.test:443/a/?q#h' }, { ignoreCase: true });
    [relative.protocol, relative.hostname, relative.port, relative.pathname, relative.search,
      relative.test('https://app.test/A/B/c')]`)

  t.assert.deepEqual(shown, ['https', 'app.test', '', '/a/b/:name', '*', true])
})

test('what is malformed is a TypeError that says what and where', async (t: TestContext) => {
  const messages = await sandbox.run(`
    ['/a{b', '/:a/:a', '/(?x)', 'relative'].map(pathname => {
      try { new URLPattern(pathname, pathname === 'relative' ? undefined : 'https://a.test') }
      catch (error) { return error.name + ': ' + error.message }
    })`)

  t.assert.deepEqual(messages, [
    'TypeError: The pattern "/a{b" is malformed at position 4.',
    'TypeError: The pattern "/:a/:a" names two groups "a".',
    'TypeError: The pattern "/(" is malformed at position 1.',
    'TypeError: The pattern "relative" is relative: it needs a base URL.',
  ])
})
