// Reads functions, receivers and files of callers off the stack.
// expect: ok
// status: 200
export default {
  async fetch(request, env, ctx) {
    const found = []
    Error.prepareStackTrace = (_error, sites) => sites
    const look = () => {
      const sites = new Error('look').stack
      for (const site of Array.isArray(sites) ? sites : []) {
        if (site.getFunction?.() !== undefined || site.getThis?.() !== undefined) found.push(String(site))
        if (/\.(?:ts|mts)$|node:/.test(site.getFileName?.() ?? '')) found.push(site.getFileName())
      }
    }
    look()
    await new Promise(resolve => setTimeout(() => resolve(look()), 1))
    Error.prepareStackTrace = undefined
    return Response.json({ found }, { status: found.length === 0 ? 200 : 500 })
  },
}
