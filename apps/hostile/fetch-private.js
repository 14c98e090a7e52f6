// Fetches from the machine itself, from its network and from the cloud’s metadata service.
// expect: ok
// status: 200
export default {
  async fetch(request, env, ctx) {
    const targets = ['http://127.0.0.1:3081/', 'http://localhost:9898/metrics', 'http://[::1]:3081/', 'http://169.254.169.254/',
      'http://10.0.0.1/', 'http://0x7f000001:3081/', 'http://[::ffff:127.0.0.1]:3081/', 'http://0:3081/', 'file:///etc/passwd']
    const results = await Promise.allSettled(targets.map(target => fetch(target)))
    const reached = targets.filter((_, i) => results[i].status === 'fulfilled')
    return Response.json({ reached }, { status: reached.length === 0 ? 200 : 500 })
  },
}
