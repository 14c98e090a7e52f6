// Patches every built-in to spy on what the sandbox hands around, and looks for memory that it shares with the host.
// expect: ok
// status: 200
// request: POST 10000
const { defineProperty, getPrototypeOf, getOwnPropertyDescriptor } = Object
const { apply, ownKeys } = Reflect
const typedArray = getPrototypeOf(Uint8Array.prototype)
const sharedBytes = getOwnPropertyDescriptor(SharedArrayBuffer.prototype, 'byteLength').get
const bufferOf = getOwnPropertyDescriptor(typedArray, 'buffer').get
const { has, add } = WeakSet.prototype
const seen = new WeakSet()
const found = { __proto__: null }
let spying = true

const isShared = value => {
  try {
    return apply(sharedBytes, value, []) >= 0
  } catch {
    return false
  }
}
const bufferIn = value => {
  try {
    return apply(bufferOf, value, [])
  } catch {}
}
const look = (where, value, depth) => {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return
  if (depth > 2 || apply(has, seen, [value])) return
  apply(add, seen, [value])
  if (isShared(value) || isShared(bufferIn(value))) found[where] = true
  const keys = ownKeys(value)
  for (let i = 0; i < keys.length && i < 10; i++) {
    const property = getOwnPropertyDescriptor(value, keys[i])
    if (property && 'value' in property) look(where, property.value, depth + 1)
  }
}
const spy = (where, value) => {
  if (!spying) return
  spying = false
  try {
    look(where, value, 0)
  } catch {}
  spying = true
}
const own = (object, key, value) => defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })

for (let i = 0; i < 20; i++) {
  defineProperty(Array.prototype, i, {
    configurable: true,
    set(value) {
      spy('an index', value)
      own(this, i, value)
    },
  })
}
for (const key of ['then', 'owner', 'run', 'payload', 'buffer', 'bytes', 'memory', 'resolve', 'how', 'body']) {
  defineProperty(Object.prototype, key, {
    configurable: true,
    get() {
      spy(`get ${key}`, this)
    },
    set(value) {
      spy(`set ${key}`, this)
      spy(`set ${key}`, value)
      own(this, key, value)
    },
  })
}
const prototypes = [typedArray, Uint8Array.prototype, ArrayBuffer.prototype, SharedArrayBuffer.prototype, Promise.prototype,
  Map.prototype, Set.prototype, Function.prototype, String.prototype, RegExp.prototype, Array.prototype, Error.prototype]
for (const prototype of prototypes) {
  for (const key of ownKeys(prototype)) {
    const property = getOwnPropertyDescriptor(prototype, key)
    const { get, value } = property
    if (!property.configurable || (typeof get !== 'function' && typeof value !== 'function')) continue
    const where = `${prototype.constructor?.name}.${String(key)}`
    if (get || key === 'constructor') {
      defineProperty(prototype, key, {
        configurable: true,
        get() {
          spy(where, this)
          return get ? apply(get, this, []) : value
        },
      })
    } else {
      defineProperty(prototype, key, {
        ...property,
        value(...values) {
          spy(where, this)
          for (let i = 0; i < values.length; i++) spy(where, values[i])
          return apply(value, this, values)
        },
      })
    }
  }
}

export default {
  async fetch(request, env, ctx) {
    const copy = request.clone()
    await request.text()
    await copy.arrayBuffer()
    await crypto.subtle.digest('SHA-256', new Uint8Array(70_000))
    await new Promise(resolve => setTimeout(resolve, 1))
    await fetch('http://127.0.0.1:9/').catch(() => {})
    console.log(new Map([[{}, []]]), structuredClone({ a: [1] }))
    const sent = new Response(new ReadableStream({ pull: controller => controller.close() }))
    await sent.text()
    spying = false
    return new Response(Object.keys(found).join('\n'), { status: Object.keys(found).length === 0 ? 200 : 500 })
  },
}
