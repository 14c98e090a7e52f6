// Makes promises that wait for each other, without end.
// expect: exceededMemory | exceededCpu
export default {
  async fetch(request, env, ctx) {
    const bomb = () => Promise.all([Promise.resolve().then(bomb), Promise.resolve().then(bomb)])
    return bomb()
  },
}
