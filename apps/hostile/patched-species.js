// Makes Symbol.species and iterators hand out objects of its own.
// expect: ok | exception | exceededCpu
export default {
  async fetch(request, env, ctx) {
    class Trap extends Uint8Array {
      static get [Symbol.species]() {
        return Array
      }
    }
    Object.defineProperty(Promise, Symbol.species, { value: function Fake(run) { run(() => {}, () => {}) } })
    Array.prototype[Symbol.iterator] = function* () {
      for (;;) yield ['set-cookie', 'a=b']
    }
    Object.prototype.then = undefined
    return new Response(new Trap([104, 105]), { headers: { 'x-a': 'b' } })
  },
}
