// Runs one piece of work as often as it is asked to: /CASE?n=TIMES. The answer is a sum that nothing may leave out.
const ascii = 'The quick brown fox jumps over the lazy dog. '.repeat(23_302)
const mixed = 'Grüße aus Köln, 東京 и Москва 🎉, plain text between. '.repeat(15_000)
const encoder = new TextEncoder()
const asciiBytes = encoder.encode(ascii)
const mixedBytes = encoder.encode(mixed)
const megabyte = new Uint8Array(1_000_000).fill(7)
const headers = Array.from({ length: 20 }, (_, i) => [`x-header-${i}`, `value ${i}`])
const record = { id: 7, name: 'x', tags: ['a', 'b'], nested: { at: new Date(0), map: new Map([[1, 2]]) } }

const CASES = {
  url: i => new URL(`https://example.com/api/v1/users?id=${i}&name=foo`).pathname.length,
  search: i => new URL(`https://example.com/api?id=${i}&name=foo`).searchParams.get('name').length,
  response: () => new Response('hello').status,
  json: i => Response.json({ hello: i }).status,
  headers: () => new Headers(headers).get('x-header-7').length,
  clone: () => structuredClone(record).id,
  'encode-ascii': () => encoder.encode(ascii).length,
  'encode-mixed': () => encoder.encode(mixed).length,
  'decode-ascii': () => new TextDecoder().decode(asciiBytes).length,
  'decode-mixed': () => new TextDecoder().decode(mixedBytes).length,
  'sha-256': async () => (await crypto.subtle.digest('SHA-256', megabyte)).byteLength,
}

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url)
    const run = CASES[pathname.slice(1)]
    const times = Number(searchParams.get('n'))
    let sum = 0
    for (let i = 0; i < times; i++) {
      const result = run(i)
      sum += typeof result === 'number' ? result : await result
    }
    return new Response(String(sum))
  },
}
