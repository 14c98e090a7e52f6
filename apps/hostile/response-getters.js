// Answers with an object that pretends to be a Response and loops when read.
// expect: exceededCpu | exception
export default {
  async fetch(request, env, ctx) {
    const spin = () => {
      for (;;) {}
    }
    return Object.defineProperties(Object.create(Response.prototype), {
      status: { get: spin },
      headers: { get: spin },
      body: { get: spin },
    })
  },
}
