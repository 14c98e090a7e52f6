import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { startControl } from './control.ts'

test('the page may run its own script and style, and nothing else', async (t: TestContext) => {
  const { url } = await startControl(t)

  const response = await fetch(`${url}/`)
  const page = await response.text()

  const policy = response.headers.get('content-security-policy')!
  t.assert.match(response.headers.get('content-type')!, /^text\/html/)
  t.assert.match(policy, /default-src 'none'/)
  t.assert.match(policy, /frame-ancestors 'none'/)
  t.assert.doesNotMatch(policy, /unsafe|\*/)
  for (const element of ['script', 'style']) {
    const parts = page.split(`<${element}>`)
    t.assert.equal(parts.length, 2)
    const hash = createHash('sha256')
      .update(parts[1]!.split(`</${element}>`)[0]!)
      .digest('base64')
    t.assert.ok(policy.includes(`${element}-src 'sha256-${hash}'`))
  }
  t.assert.doesNotMatch(page, /https?:\/\/|\son\w+=|\sstyle=|innerHTML/)
})

test('the page can be opened without the token, and holds no data', async (t: TestContext) => {
  const control = await startControl(t, { config: { token: 'a-token' } })
  await control.deploy('a-deployed-app')

  const response = await fetch(`${control.url}/`)

  t.assert.equal(response.status, 200)
  t.assert.doesNotMatch(await response.text(), /a-deployed-app|a-token/)
})
