// Reaches for callers through arguments, caller and callee.
// expect: ok
// status: 200
export default {
  async fetch(request, env, ctx) {
    const found = []
    const sloppy = new Function('return [arguments.callee, arguments.callee.caller]')
    try {
      if (typeof sloppy()[1] === 'function' && !/escape|fetch/.test(String(sloppy()[1]))) found.push(String(sloppy()[1]))
    } catch {}
    for (const thing of [fetch, setTimeout, console.log, crypto.getRandomValues]) {
      for (const key of ['caller', 'arguments', 'callee']) {
        try {
          if (thing[key]) found.push(key)
        } catch {}
      }
    }
    return Response.json({ found }, { status: found.length === 0 ? 200 : 500 })
  },
}
