// Patches everything that the platform might use behind the app’s back.
// expect: ok | exception
const { defineProperty } = Object
const { ownKeys } = Reflect
const evil = () => {
  throw new Error('patched')
}
const classes = [Promise, Array, Object, Map, Set, String, Function, RegExp, Uint8Array, ArrayBuffer, Headers, Response, Request]
for (let i = 0; i < classes.length; i++) {
  const { prototype } = classes[i]
  const keys = ownKeys(prototype)
  for (let j = 0; j < keys.length; j++) {
    if (keys[j] === 'constructor') continue
    try {
      defineProperty(prototype, keys[j], { __proto__: null, configurable: true, get: () => evil, set: evil })
    } catch {}
  }
}
const owners = [JSON, Reflect, Object, Array, Promise, Math, globalThis.crypto]
for (let i = 0; i < owners.length; i++) {
  const keys = ownKeys(owners[i])
  for (let j = 0; j < keys.length; j++) {
    try {
      owners[i][keys[j]] = evil
    } catch {}
  }
}

export default { fetch: () => new Response('answered') }
