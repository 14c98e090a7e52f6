// Asks a server twice for each request, one after the other. UPSTREAM is its URL, filled in when this is bundled.
export default {
  async fetch() {
    const first = await (await fetch(UPSTREAM)).text()
    const second = await (await fetch(UPSTREAM)).text()
    return new Response(first + second)
  },
}
