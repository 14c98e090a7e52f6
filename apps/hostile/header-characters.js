// Answers with headers that split the response: line breaks, NUL, letters beyond latin1.
// expect: exception
export default {
  async fetch(request, env, ctx) {
    const refused = []
    for (const value of ['a\r\nset-cookie: b=c', 'a\nb', 'a\0b', '\u{1f600}', 'a\rb']) {
      try {
        return new Response('split', { headers: { 'x-a': value } })
      } catch {
        refused.push(value)
      }
    }
    for (const name of ['a b', 'a\r\nb', '', 'a:b', 'ä', 'a\0']) {
      try {
        return new Response('split', { headers: [[name, 'x']] })
      } catch {
        refused.push(name)
      }
    }
    throw new Error(`all ${refused.length} refused, as they should be`)
  },
}
