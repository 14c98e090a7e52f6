// Holds a source text that takes long to compile: deeply nested expressions, made by eval.
// expect: startupError | ok
try {
  new Function(`return ${'['.repeat(1e6)}${']'.repeat(1e6)}`)
} catch {}
new Function(Array.from({ length: 300_000 }, (_, i) => `function f${i}() { return ${i} }`).join('\n'))

export default { fetch: () => new Response('started') }
