import { after, before, type TestContext, test } from 'node:test'
import { deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateRawSync, inflateSync } from 'node:zlib'
import { startRuntime, type TestRuntime } from '../support/runtime.ts'

const FORMATS = {
  gzip: { pack: gzipSync, unpack: gunzipSync },
  deflate: { pack: deflateSync, unpack: inflateSync },
  'deflate-raw': { pack: deflateRawSync, unpack: inflateRawSync },
}
/** Neither tiny nor all alike. */
const TEXT = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `line ${index * 7919}\n`).join(''))

const APP = `export default { async fetch(request) {
  const { pathname } = new URL(request.url)
  const [, what, format] = pathname.split('/')
  const stream = what === 'pack' ? new CompressionStream(format) : new DecompressionStream(format)
  try {
    return new Response(await new Response(request.body.pipeThrough(stream)).arrayBuffer())
  } catch (error) {
    return new Response(error.name + ': ' + error.message, { status: 400 })
  }
} }`

let runtime: TestRuntime
let instance: number

before(async () => {
  runtime = await startRuntime()
  instance = (await runtime.start(APP, { limits: { cpuMs: 5000 } })).instance
})

after(() => runtime[Symbol.asyncDispose]())

async function send(path: string, body: Buffer) {
  const answer = await runtime.fetch(instance, `http://app.test/${path}`, {
    method: 'POST',
    body,
    hasBody: true,
  })
  return { status: answer.status, body: answer.body }
}

for (const [format, { pack, unpack }] of Object.entries(FORMATS)) {
  test(`${format} is understood by zlib, and zlib's is understood`, async (t: TestContext) => {
    t.assert.ok(unpack((await send(`pack/${format}`, TEXT)).body).equals(TEXT))
    t.assert.ok((await send(`unpack/${format}`, pack(TEXT))).body.equals(TEXT))
  })

  test(`${format} that breaks off, is damaged or has something behind it is a TypeError`, async (t: TestContext) => {
    const packed = pack(TEXT)
    const damaged = Buffer.from(packed)
    damaged[Math.floor(damaged.length / 2)]! ^= 0xff
    const long = Buffer.concat([packed, Buffer.from([1])])
    // Raw data has no checksum.
    for (const bad of [packed.subarray(0, -20), long, ...(format === 'deflate-raw' ? [] : [damaged])]) {
      const { status, body } = await send(`unpack/${format}`, bad)

      t.assert.equal(status, 400)
      t.assert.match(body.toString(), /^TypeError: (?:The compressed data|There is more behind the end)/)
    }
  })
}
