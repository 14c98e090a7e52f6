/** What URLs, text codecs and console lines cost inside an isolate. `npx node --no-node-snapshot bench/sandbox.ts` */
import { openSandbox } from '../test/support/isolate.ts'

await using sandbox = await openSandbox(`
  export { inspect } from './inspect.ts'
  export { structuredClone } from './structured-clone.ts'
  export { URL } from './url.ts'
  export { URLSearchParams } from './url-search-params.ts'
  export { utf8Decode, utf8Encode } from './utf8.ts'
`)

await sandbox.run(`
  void Object.assign(globalThis, sandbox)
  const ascii = 'The quick brown fox jumps over the lazy dog. '.repeat(22_000)
  const mixed = 'Grüße aus Köln, 東京 и Москва 🎉, plain text between. '.repeat(15_000)
  const asciiBytes = utf8Encode(ascii)
  const mixedBytes = utf8Encode(mixed)
  const small = utf8Encode('{"hello":"world"}')
  const record = { id: 7, name: 'x', tags: ['a', 'b'], nested: { at: new Date(0), map: new Map([[1, 2]]) } }

  /** Nanoseconds for each time that \`body\` runs, the best of five. */
  function measure(body, count) {
    const run = new Function('count', 'let sum = 0; for (let i = 0; i < count; i++) sum += ' + body + '; return sum')
    run(Math.ceil(count / 4))
    let best = Infinity
    for (let repeat = 0; repeat < 5; repeat++) {
      const start = Date.now()
      run(count)
      best = Math.min(best, Date.now() - start)
    }
    return best * 1e6 / count
  }
`)

const CASES = {
  'new URL, typical': "new URL('https://example.com/api/v1/users?id=123&name=foo').pathname.length",
  'new URL, and its href': "new URL('https://example.com/api/v1/users?id=' + i).href.length",
  'new URL with credentials, IPv4, dots and a space':
    "new URL('http://user:pw@127.0.0.1:8080/a/../b c?d=é#f').href.length",
  'new URL, relative': "new URL('../x?y', 'https://example.com/a/b/c').href.length",
  'searchParams.get': "new URL('https://example.com/api?id=123&name=foo').searchParams.get('name').length",
  'URLSearchParams to text': "new URLSearchParams({ a: 'b', c: 'd e' }).toString().length",
  'utf8Decode of 17 bytes': 'utf8Decode(small).length',
  'structuredClone of a small record': 'structuredClone(record).id',
  'inspect of a small record': 'inspect(record).length',
}

for (const [name, body] of Object.entries(CASES)) {
  const nanoseconds = (await sandbox.run(`measure(${JSON.stringify(body)}, 100_000)`)) as number
  console.log(`${name}: ${(nanoseconds / 1000).toFixed(2)} µs`)
}

const CODECS = {
  'encode ASCII': ['utf8Encode(ascii).length', 'asciiBytes'],
  'decode ASCII': ['utf8Decode(asciiBytes).length', 'asciiBytes'],
  'encode mixed text': ['utf8Encode(mixed).length', 'mixedBytes'],
  'decode mixed text': ['utf8Decode(mixedBytes).length', 'mixedBytes'],
}

for (const [name, [body, bytes]] of Object.entries(CODECS)) {
  const nanoseconds = (await sandbox.run(`measure(${JSON.stringify(body)}, 40)`)) as number
  const length = (await sandbox.run(`${bytes}.length`)) as number
  console.log(`${name}: ${Math.round((length / nanoseconds) * 1000)} MB/s`)
}
