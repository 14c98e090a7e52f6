// Climbs from every object it is given to a Function constructor of another realm.
// expect: ok
// status: 200
export default {
  async fetch(request, env, ctx) {
    const found = []
    const things = [this, request, env, ctx, request.headers, request.signal, globalThis, console, crypto, fetch,
      new Response('x'), new URL('http://x/'), setTimeout, await Promise.resolve(1), new Error('x')]
    for (const thing of things) {
      for (let object = thing, depth = 0; object !== null && object !== undefined && depth < 5; depth++) {
        try {
          const foreign = object.constructor.constructor('return typeof process !== "undefined" || typeof require !== "undefined"')
          if (foreign()) found.push(String(object))
        } catch {}
        object = Object.getPrototypeOf(object)
      }
    }
    return Response.json({ found }, { status: found.length === 0 ? 200 : 500 })
  },
}
