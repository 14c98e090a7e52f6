// WebAssembly: fib.wasm (its text is in fib.wat) is a module of its own, compiled before the app starts.
//   curl http://wasm.localhost:3080/90
import fibModule from './fib.wasm'

const { fib } = new WebAssembly.Instance(fibModule).exports

export default {
  fetch(request) {
    const n = Number(new URL(request.url).pathname.slice(1) || 10)
    if (!Number.isInteger(n) || n < 0 || n > 92) return new Response('Ask for /0 to /92.\n', { status: 400 })
    return new Response(`fib(${n}) = ${fib(n)}\n`)
  },
}
