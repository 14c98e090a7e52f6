/** Compression by pako, zlib's own algorithms in JavaScript: what it costs is the app's CPU time and memory. */
import { ZStream, zlibDeflate, zlibDeflateInit2, zlibInflate, zlibInflateInit2 } from 'pako'

/** Of the Compression standard. */
export type Format = 'gzip' | 'deflate' | 'deflate-raw'

/** Takes bytes and gives others to its maker. Throws a TypeError for what is malformed. */
export interface Coder {
  push(bytes: Uint8Array): void
  finish(): void
}

/** As zlib's inflateInit2 has them: the window's size, and by sign and offset what is around the data. */
const WINDOW_BITS: Record<Format, number> = { gzip: 15 + 16, deflate: 15, 'deflate-raw': -15 }

const OUTPUT_BYTES = 65_536
const EMPTY = new Uint8Array(0)

/** https://zlib.net/manual.html */
const Z = {
  noFlush: 0,
  finish: 4,
  ok: 0,
  streamEnd: 1,
  bufError: -5,
  defaultLevel: 6,
  deflated: 8,
  memLevel: 8,
  defaultStrategy: 0,
} as const

type Emit = (bytes: Uint8Array) => void

export function createCompressor(format: Format, emit: Emit): Coder {
  const stream = new ZStream()
  zlibDeflateInit2(stream, Z.defaultLevel, Z.deflated, WINDOW_BITS[format], Z.memLevel, Z.defaultStrategy)
  const run = (bytes: Uint8Array, flush: typeof Z.noFlush | typeof Z.finish) =>
    work(stream, { bytes, emit, step: () => zlibDeflate(stream, flush) })
  return {
    push: bytes => void run(bytes, Z.noFlush),
    finish: () => void run(EMPTY, Z.finish),
  }
}

export function createDecompressor(format: Format, emit: Emit): Coder {
  const stream = new ZStream()
  zlibInflateInit2(stream, WINDOW_BITS[format])
  let ended = false
  return {
    push(bytes) {
      if (bytes.length === 0) return
      if (ended) throw new TypeError('There is more behind the end of the compressed data.')
      ended = work(stream, { bytes, emit, step: () => zlibInflate(stream, Z.noFlush) }) === Z.streamEnd
      if (ended && stream.avail_in > 0)
        throw new TypeError('There is more behind the end of the compressed data.')
    },
    finish() {
      if (!ended) throw new TypeError('The compressed data breaks off.')
    },
  }
}

/** Has zlib take the bytes and gives on what it makes of them; its last word. */
function work(
  stream: ZStream,
  { bytes, emit, step }: { bytes: Uint8Array; emit: Emit; step: () => number },
): number {
  stream.input = bytes
  stream.next_in = 0
  stream.avail_in = bytes.length
  for (;;) {
    stream.output = new Uint8Array(OUTPUT_BYTES)
    stream.next_out = 0
    stream.avail_out = OUTPUT_BYTES
    const status = step()
    if (status !== Z.ok && status !== Z.streamEnd && status !== Z.bufError)
      throw new TypeError(`The compressed data is malformed: ${stream.msg || `zlib says ${status}`}.`)
    if (stream.next_out > 0) emit(stream.output.slice(0, stream.next_out))
    if (status !== Z.ok || stream.avail_out > 0) return status
  }
}
