// Imports what is not there, in every way.
// expect: ok
// status: 200
export default {
  async fetch(request, env, ctx) {
    const names = ['node:fs', 'fs', 'isolated-vm', '../../../etc/passwd', 'file:///etc/passwd', 'https://example.com/a.js', 'data:text/javascript,1', '', '\0', './index.js/../..', 'x'.repeat(1e6)]
    const results = await Promise.allSettled(names.map(name => import(name)))
    const imported = names.filter((name, i) => results[i].status === 'fulfilled' && !name.startsWith('data:'))
    return Response.json({ imported }, { status: imported.length === 0 ? 200 : 500 })
  },
}
