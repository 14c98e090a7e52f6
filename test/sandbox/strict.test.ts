import { test } from 'node:test'
import ivm from 'isolated-vm'
import { loadPrelude } from '../../src/runtime/prelude.ts'

test('neither call sites nor caller give a guest a function of the sandbox', async t => {
  const { main } = await loadPrelude()
  const isolate = new ivm.Isolate({ memoryLimit: 64 })
  const context = await isolate.createContext()
  await context.eval(`(function () { ${main} })()`)

  const found = await context.eval(
    `
      const found = []
      Error.prepareStackTrace = (_, sites) => {
        for (let i = 0; i < sites.length; i++) {
          const called = sites[i].getFunction()
          if (called !== undefined && called !== listener && called !== getter) found.push(String(called), sites[i].getThis())
        }
      }
      const look = () => new Error().stack
      function listener() {
        look()
        if (listener.caller !== null) found.push(String(listener.caller))
      }
      const getter = Object.getOwnPropertyDescriptor({ get type() { look() } }, 'type').get
      const target = new EventTarget()
      target.addEventListener('x', listener)
      target.dispatchEvent(new Event('x'))
      new Blob([], Object.defineProperty({}, 'type', { get: getter }))
      found.filter(item => typeof item === 'string').filter(text => !text.startsWith('() => new Error'))
    `,
    { copy: true },
  )
  isolate.dispose()

  t.assert.deepEqual(found, [])
})
