/**
 * Decodes the bodies of responses: gzip, deflate, br, zstd, and several of them in turn.
 *
 * A body is decoded as it is read, so one that grows a thousandfold costs nothing that nobody reads. What decoders
 * must remember is bounded as well: zstd's window to the 8 MiB that RFC 9659 allows, and the windows of br and zstd
 * (gzip's are 32 KiB) by a budget for each app.
 */
import { once } from 'node:events'
import { pipeline, type Readable, type Transform } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib'
import { SubrequestError } from './subrequest-error.ts'

/** More is no server's mistake. */
const CODINGS_MAX = 5

interface Coding {
  create(body: Readable): Transform | Promise<Transform>
  /** The most that the decoder remembers of its output; 0 where that is little. */
  windowBytes: number
}

// As curl and browsers do: what has come is decoded at once, and a body that was cut short is no error.
const ZLIB = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
const BROTLI = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH }
const ZSTD = {
  flush: constants.ZSTD_e_flush,
  finishFlush: constants.ZSTD_e_flush,
  params: { [constants.ZSTD_d_windowLogMax]: 23 },
}

const GZIP: Coding = { create: () => createGunzip(ZLIB), windowBytes: 0 }
const CODINGS: Record<string, Coding> = {
  gzip: GZIP,
  'x-gzip': GZIP,
  deflate: { create: inflate, windowBytes: 0 },
  br: { create: () => createBrotliDecompress(BROTLI), windowBytes: 2 ** 24 },
  zstd: { create: () => createZstdDecompress(ZSTD), windowBytes: 2 ** 23 },
}

/** Bytes of output that the decoders of each app may have to remember, together. */
export class WindowBudget {
  readonly #bytesPerAppMax: number
  readonly #bytes = new Map<string, number>()

  constructor(bytesPerAppMax: number) {
    this.#bytesPerAppMax = bytesPerAppMax
  }

  take(app: string, bytes: number): boolean {
    const total = (this.#bytes.get(app) ?? 0) + bytes
    if (total > this.#bytesPerAppMax) return false
    this.#bytes.set(app, total)
    return true
  }

  give(app: string, bytes: number) {
    const left = (this.#bytes.get(app) ?? 0) - bytes
    if (left > 0) this.#bytes.set(app, left)
    else this.#bytes.delete(app)
  }
}

/**
 * The body without the codings that its content-encoding names, or null if one of them is unknown: then it has to
 * stay as it is. Rejects with a `SubrequestError` if they are too many. Destroying the result destroys `body`.
 */
export async function decode(
  body: Readable,
  encoding: string,
  { app, budget }: { app: string; budget: WindowBudget },
): Promise<Readable | null> {
  const names = encoding
    .toLowerCase()
    .split(',', CODINGS_MAX + 1)
    .map(name => name.trim())
  if (names.length > CODINGS_MAX) throw new SubrequestError('the response has too many content codings')
  if (!names.every(name => Object.hasOwn(CODINGS, name))) return null

  let decoded = body
  for (const name of names.reverse()) {
    const coding = CODINGS[name]!
    const decoder = await coding.create(decoded)
    nameFailures(decoder, name)
    if (coding.windowBytes > 0) meter(decoder, coding.windowBytes, { app, budget })
    // Failures travel by the streams themselves.
    decoded = pipeline(decoded, decoder.on('error', ignore), ignore)
  }
  return decoded
}

function ignore() {}

/** Some servers send raw deflate where RFC 9110 asks for zlib's format; the first byte tells. */
async function inflate(body: Readable): Promise<Transform> {
  if (body.readableLength === 0) await Promise.race([once(body, 'readable'), once(body, 'end')])
  const chunk: Buffer | null = body.read()
  if (chunk === null) return createInflate(ZLIB)
  body.unshift(chunk)
  return (chunk[0]! & 0x0f) === 8 ? createInflate(ZLIB) : createInflateRaw(ZLIB)
}

function nameFailures(decoder: Transform, name: string) {
  const { destroy } = decoder
  decoder.destroy = error => {
    if (!error || error instanceof SubrequestError) return destroy.call(decoder, error)
    const cause = error as NodeJS.ErrnoException
    return destroy.call(
      decoder,
      new SubrequestError(`the ${name} body is malformed: ${error.message}`, { cause, code: cause.code }),
    )
  }
}

/** Ends the decoder if what it has to remember goes beyond the budget. */
function meter(
  decoder: Transform,
  windowBytes: number,
  { app, budget }: { app: string; budget: WindowBudget },
) {
  const { push } = decoder
  let held = 0
  decoder.push = (chunk: Buffer | null) => {
    const more = Math.min(chunk?.length ?? 0, windowBytes - held)
    if (more > 0 && !budget.take(app, more)) {
      decoder.destroy(
        new SubrequestError('too many br or zstd bodies are being decoded: ask for gzip by accept-encoding'),
      )
      return false
    }
    held += more
    return push.call(decoder, chunk)
  }
  decoder.once('close', () => budget.give(app, held))
}
