// Looks for what belongs to Node or to the platform.
// expect: ok
// status: 200
export default {
  async fetch(request, env, ctx) {
    const names = ['process', 'require', 'module', 'global', 'Buffer', 'Deno', 'Bun', 'ivm', 'isolate', 'host', '__vitrine',
      '_ivm', 'Isolate', 'Reference', 'Callback', 'primordials', 'internalBinding', 'Worker', 'XMLHttpRequest']
    const found = names.filter(name => name in globalThis)
    return Response.json({ found }, { status: found.length === 0 ? 200 : 500 })
  },
}
