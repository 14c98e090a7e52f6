// Claims a content-length that its body does not have.
// expect: ok | exception | responseStreamDisconnected
// read: 2000 ms
export default {
  async fetch(request, env, ctx) {
    return new Response('short', { headers: { 'content-length': '1000000' } })
  },
}
