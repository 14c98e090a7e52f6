import { createHash } from 'node:crypto'
import { after, before, type TestContext, test } from 'node:test'
import { Violation } from '../../src/runtime/records.ts'
import { subtleOperation } from '../../src/runtime/subtle.ts'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

let runtime: TestRuntime

before(async () => {
  runtime = await startRuntime()
})

after(() => runtime[Symbol.asyncDispose]())

const LIMITS = { cpuMs: 5000 }

/** What the app answers, from JSON; `code` is the body of an async function that returns it. */
async function answerOf(code: string, limits: Partial<typeof LIMITS> = LIMITS): Promise<unknown> {
  const { instance } = await runtime.start(
    `const { subtle } = crypto
    const hex = bytes => new Uint8Array(bytes).toHex()
    const text = string => new TextEncoder().encode(string)
    const failure = promise => promise.then(() => 'none', error => error.constructor.name + ' ' + error.name)
    export default { async fetch() { return Response.json(await (async () => { ${code} })()) } }`,
    { limits },
  )
  const { body, failure } = await runtime.fetch(instance, 'http://app.test/')
  return failure ?? JSON.parse(body.toString())
}

test('what is hashed are the bytes as they were when digest was called, however many', async (t: TestContext) => {
  for (const length of [0, 1000, 70_000, 1_000_000, 3_000_000]) {
    const hashes = await answerOf(`
      const data = new Uint8Array(${length} + 16).fill(7).subarray(8, ${length} + 8)
      const several = [1, 2, 3].map(() => subtle.digest('SHA-256', data))
      data.fill(9)
      const after = subtle.digest('SHA-256', data)
      data.fill(0)
      return (await Promise.all([...several, after])).map(hex)`)

    const hash = (value: number) => createHash('sha256').update(Buffer.alloc(length, value)).digest('hex')
    t.assert.deepEqual(hashes, [hash(7), hash(7), hash(7), hash(9)], `${length} bytes`)
  }
})

test('a request pays for what the host hashes for it', async (t: TestContext) => {
  const megabytes = 100
  const { instance } = await runtime.start(
    `const data = new Uint8Array(1_000_000)
    export default { async fetch() {
      for (let i = 0; i < ${megabytes}; i++) await crypto.subtle.digest('SHA-512', data)
      return new Response('done')
    } }`,
    { limits: LIMITS },
  )
  await runtime.fetch(instance, 'http://app.test/')

  const data = Buffer.alloc(1_000_000)
  const before = process.threadCpuUsage()
  for (let i = 0; i < megabytes; i++) createHash('sha512').update(data).digest()
  const { user } = process.threadCpuUsage(before)
  const { cpuMs } = await runtime.fetch(instance, 'http://app.test/')

  t.assert.ok(cpuMs > user / 1000 / 2, `${cpuMs} ms for what takes ${user / 1000} ms`)
})

test('keys of every kind sign and verify', async (t: TestContext) => {
  const algorithms = [
    { name: 'HMAC', hash: 'SHA-256' },
    { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
    { name: 'Ed25519' },
    { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048 },
    { name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 2048, saltLength: 32 },
  ]
  for (const algorithm of algorithms) {
    const verified = await answerOf(`
      const algorithm = { ...${JSON.stringify(algorithm)}, publicExponent: new Uint8Array([1, 0, 1]) }
      const made = await subtle.generateKey(algorithm, false, ['sign', 'verify'])
      const { privateKey = made, publicKey = made } = made
      const signature = await subtle.sign(algorithm, privateKey, text('message'))
      return [await subtle.verify(algorithm, publicKey, signature, text('message')),
        await subtle.verify(algorithm, publicKey, signature, text('massage'))]`)

    t.assert.deepEqual(verified, [true, false], algorithm.name)
  }
})

test('what the standards compute is computed', async (t: TestContext) => {
  const found = await answerOf(`
    const hmac = await subtle.importKey('raw', text('key'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const password = await subtle.importKey('raw', text('password'), 'PBKDF2', false, ['deriveBits'])
    const parameters = { name: 'PBKDF2', hash: 'SHA-1', salt: text('salt'), iterations: 4096 }
    return [hex(await subtle.sign('HMAC', hmac, text('The quick brown fox jumps over the lazy dog'))),
      hex(await subtle.deriveBits(parameters, password, 160))]`)

  t.assert.deepEqual(found, [
    'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8',
    // RFC 6070
    '4b007901b765489abead49d926f721d065a429c1',
  ])
})

test('keys agree, wrap, leave and come back', async (t: TestContext) => {
  const found = await answerOf(`
    const [a, b] = await Promise.all([0, 1].map(() => subtle.generateKey('X25519', true, ['deriveKey'])))
    const key = (own, other) => subtle.deriveKey({ name: 'X25519', public: other.publicKey }, own.privateKey,
      { name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'])
    const [one, two] = await Promise.all([key(a, b), key(b, a)])
    const iv = new Uint8Array(12)
    const sealed = await subtle.encrypt({ name: 'AES-GCM', iv }, one, text('secret'))
    const jwk = await subtle.exportKey('jwk', two)
    const again = await subtle.importKey('jwk', jwk, 'AES-GCM', false, ['decrypt'])
    const wrapped = await subtle.wrapKey('pkcs8', a.privateKey, one, { name: 'AES-GCM', iv })
    const back = await subtle.unwrapKey('pkcs8', wrapped, two, { name: 'AES-GCM', iv }, 'X25519', false, ['deriveKey'])
    return [new TextDecoder().decode(await subtle.decrypt({ name: 'AES-GCM', iv }, again, sealed)), jwk.kty,
      back.type, back.extractable, structuredClone(again).algorithm]`)

  t.assert.deepEqual(found, ['secret', 'oct', 'private', false, { name: 'AES-GCM', length: 256 }])
})

test('what is wrong is an error of the right kind', async (t: TestContext) => {
  const found = await answerOf(`
    const key = await subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt'])
    return Promise.all([
      subtle.exportKey('raw', key),
      subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, new Uint8Array(32)),
      subtle.generateKey({ name: 'AES-GCM', length: 100 }, false, ['encrypt']),
      subtle.generateKey({ name: 'ROT-13' }, false, ['encrypt']),
      subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, []),
      subtle.importKey('raw', {}, 'AES-GCM', false, ['encrypt']),
      subtle.importKey('pkcs8', new Uint8Array(9), 'Ed25519', false, ['sign']),
      subtle.encrypt({ name: 'AES-GCM' }, key, new Uint8Array(1)),
      subtle.encrypt('AES-GCM', {}, new Uint8Array(1)),
      SubtleCrypto.prototype.sign.call({}, 'HMAC', key, new Uint8Array(1)),
    ].map(failure))`)

  t.assert.deepEqual(found, [
    'DOMException InvalidAccessError',
    'DOMException InvalidAccessError',
    'DOMException OperationError',
    'DOMException NotSupportedError',
    'DOMException SyntaxError',
    'TypeError TypeError',
    'DOMException DataError',
    'TypeError TypeError',
    'TypeError TypeError',
    'TypeError TypeError',
  ])
})

test('a key that may not be exported is nowhere for its app to be found', async (t: TestContext) => {
  const found = await answerOf(`
    const seen = []
    const spy = value => { try { seen.push(JSON.stringify(value)) } catch {} ; return undefined }
    for (const name of ['bytes', 'jwk', 'key', 'publicKey', 'privateKey', 'material', 'type', 'toJSON', 'salt', 'iv'])
      Object.defineProperty(Object.prototype, name, { get() { return spy(this) }, set() {}, configurable: true })
    const key = await subtle.importKey('raw', text('0123456789abcdef'), 'AES-GCM', false, ['encrypt'])
    key.algorithm.name = 'HMAC'
    await subtle.encrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, key, text('x'))
    for (const name of ['bytes', 'jwk', 'key', 'publicKey', 'privateKey', 'material', 'type', 'toJSON', 'salt', 'iv'])
      delete Object.prototype[name]
    return seen.filter(text => /material|30|48,49/.test(text))`)

  t.assert.deepEqual(found, [])
})

test('work that could not be interrupted is refused, and what is done counts as CPU time', async (t: TestContext) => {
  const refused = await answerOf(`
    const key = await subtle.importKey('raw', text('password'), 'PBKDF2', false, ['deriveBits'])
    const derive = (iterations, bits) => failure(subtle.deriveBits(
      { name: 'PBKDF2', hash: 'SHA-512', salt: text('s'), iterations }, key, bits))
    const generate = (modulusLength, publicExponent) => failure(subtle.generateKey(
      { name: 'RSA-PSS', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array(publicExponent) }, false, ['sign']))
    return [await derive(100001, 256), await derive(100000, 8000), await generate(8192, [1, 0, 1]), await generate(2048, [7])]`)
  t.assert.deepEqual(refused, [
    'DOMException NotSupportedError',
    'DOMException NotSupportedError',
    'DOMException OperationError',
    'DOMException OperationError',
  ])

  const flood = await answerOf(
    `const key = await subtle.importKey('raw', text('password'), 'PBKDF2', false, ['deriveBits'])
    const parameters = { name: 'PBKDF2', hash: 'SHA-512', salt: text('s'), iterations: 100000 }
    return Promise.all(Array.from({ length: 500 }, () => subtle.deriveBits(parameters, key, 512))).then(all => all.length)`,
    { cpuMs: 50 },
  )
  t.assert.equal((flood as { outcome: string }).outcome, 'exceededCpu')
})

test('a stream is hashed as it is written', async (t: TestContext) => {
  const found = await answerOf(`
    const stream = new crypto.DigestStream('SHA-256')
    const writer = stream.getWriter()
    for (let i = 0; i < 100; i++) await writer.write(new Uint8Array(10_000).fill(i))
    writer.write('text')
    await writer.close()
    const aborted = new crypto.DigestStream({ name: 'md5' })
    await aborted.abort(new RangeError('enough'))
    const whole = new Uint8Array(1_000_004)
    for (let i = 0; i < 100; i++) whole.fill(i, i * 10_000, (i + 1) * 10_000)
    whole.set(text('text'), 1_000_000)
    return [hex(await stream.digest) === hex(await subtle.digest('SHA-256', whole)), await failure(aborted.digest)]`)

  t.assert.deepEqual(found, [true, 'RangeError RangeError'])
})

test('a request is ended while its key is being generated, and others go on', async (t: TestContext) => {
  const algorithm = `{ name: 'RSA-PSS', hash: 'SHA-256', modulusLength: 4096, publicExponent: new Uint8Array([1, 0, 1]) }`
  const generating = Array.from({ length: 4 }, () =>
    answerOf(`return await subtle.generateKey(${algorithm}, false, ['sign'])`, { cpuMs: 40 }),
  )

  const ended = (await Promise.race(generating)) as { outcome: string }
  const usedMs = runtime.ended.at(-1)!.guiltyCpuMs
  const signed = await answerOf(`
    const key = await subtle.importKey('raw', text('key'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    return (await subtle.sign('HMAC', key, text('text'))).byteLength`)

  t.assert.equal(ended.outcome, 'exceededCpu')
  t.assert.ok(usedMs < 200, `it had used ${usedMs} ms`)
  t.assert.equal(signed, 32)
  await Promise.all(generating)
})

test('bytes are compared in constant time, of equal length only', async (t: TestContext) => {
  const found = await answerOf(`
    return [subtle.timingSafeEqual(text('abc'), text('abc')), subtle.timingSafeEqual(text('abc'), text('abd')),
      await failure((async () => subtle.timingSafeEqual(text('a'), text('ab')))())]`)

  t.assert.deepEqual(found, [true, false, 'TypeError TypeError'])
})

test('a message that no sandbox sends is a violation', async (t: TestContext) => {
  const message = (text: string) => {
    const json = Buffer.from(text)
    const head = Buffer.alloc(4)
    head.writeUInt32LE(json.length)
    return Buffer.concat([head, json])
  }
  const nested = (depth: number): string => (depth === 0 ? '1' : `[${nested(depth - 1)}]`)
  for (const forged of [
    Buffer.alloc(3),
    Buffer.from([255, 255, 255, 255]),
    message('{}'),
    message('nonsense'),
    message('["constructor"]'),
    message('["digest", "SHA-1", {"bytes": [0, 1]}]'),
    message('["sign", "HMAC", {"bytes": [-1, 4]}]'),
    message('["sign", "HMAC", {"bytes": [0, 1e9]}]'),
    message('["sign", "HMAC", {"key": {"type": "secret"}}]'),
    message('["sign", "HMAC", {"key": {"type": "private", "material": {"bytes": [0, 0]}}}]'),
    message(`["sign", ${nested(9)}]`),
  ]) {
    const host = { slowTurn: () => Promise.reject(new Error('unasked')), begin: () => true }
    await t.assert.rejects(subtleOperation(forged, host), Violation)
  }
})
