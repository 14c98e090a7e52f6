// Answers with headers that belong to the connection.
// expect: ok | exception
export default {
  async fetch(request, env, ctx) {
    return new Response('answered', {
      headers: {
        connection: 'keep-alive, x-request-id',
        'transfer-encoding': 'chunked, gzip',
        'content-length': '3',
        upgrade: 'h2c',
        trailer: 'x-late',
        'x-vitrine-outcome': 'forged',
        'x-request-id': 'forged',
      },
    })
  },
}
