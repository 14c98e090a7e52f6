/**
 * Receives an upload: multipart/form-data with a field `metadata` and a part for each module (build/upload.ts
 * makes it). Contents stay in the pieces in which they came. What is too large is refused as soon as that is
 * known; the rest is then read and dropped for a while, because a client that finds its connection reset while
 * it still sends would never read the answer.
 */
import type { IncomingMessage } from 'node:http'
import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { CONTENT_TYPES } from '../build/upload.ts'
import { MODULE_TYPES, type ModuleType } from '../bundle.ts'
import type { Config } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { moduleName } from './metadata.ts'

export interface ReceivedUpload {
  metadata: unknown
  modules: { name: string; type: ModuleType; pieces: Uint8Array[] }[]
}

type Limits = Pick<Config, 'bundleBytesMax' | 'bundleModulesMax'>

const METADATA_BYTES_MAX = 2 ** 20
/** What multipart adds to each module, generously. */
const PART_BYTES_MAX = 2048
/** The multipart parser cannot look for one that is much longer than RFC 2046 allows. */
const BOUNDARY_TOO_LONG = /boundary=[^;]{200}/i
/** An answer has been given: this much and this long may the client go on sending. */
const DISCARD_BYTES_MAX = 64 * 2 ** 20
const DISCARD_MS_MAX = 10_000

/** Rejects with `BUNDLE_TOO_LARGE`, `BUNDLE_INVALID`, `APP_CONFIG_INVALID` or `REQUEST_INVALID`. */
export async function receiveUpload(request: FastifyRequest, limits: Limits): Promise<ReceivedUpload> {
  try {
    return await receive(request, limits)
  } catch (error) {
    discardRest(request.raw)
    throw error instanceof VitrineError ? error : multipartError(error, limits)
  }
}

async function receive(request: FastifyRequest, limits: Limits): Promise<ReceivedUpload> {
  if (!request.isMultipart()) {
    throw new VitrineError(
      'REQUEST_INVALID',
      'Send the bundle as multipart/form-data, as docs/control-api.md says',
    )
  }
  if (BOUNDARY_TOO_LONG.test(request.headers['content-type']!)) {
    throw new VitrineError('REQUEST_INVALID', 'The boundary is too long: use one of at most 70 characters')
  }
  const bytesMax = limits.bundleBytesMax + METADATA_BYTES_MAX + limits.bundleModulesMax * PART_BYTES_MAX
  if (Number(request.headers['content-length']) > bytesMax) throw tooLarge(limits)

  const upload: ReceivedUpload = { metadata: undefined, modules: [] }
  const parts = request.parts({
    preservePath: true,
    limits: {
      fieldSize: METADATA_BYTES_MAX,
      fileSize: limits.bundleBytesMax + 1,
      files: limits.bundleModulesMax + 1,
      fields: 2,
      parts: limits.bundleModulesMax + 3,
    },
  })
  let room = limits.bundleBytesMax
  const first = parts.next()
  refuseEndless(request.raw, bytesMax)
  for (let step = await first; !step.done; step = await parts.next()) {
    const part: Multipart = step.value
    // A part need not have a name, whatever the parser's types say.
    part.fieldname ??= ''
    if (part.fieldname === 'metadata') {
      if (upload.metadata !== undefined)
        throw new VitrineError('REQUEST_INVALID', 'The upload has two metadata fields')
      upload.metadata = await metadataOf(part)
    } else if (part.type === 'file') {
      const module = await moduleOf(part, room, limits)
      upload.modules.push(module)
      for (const piece of module.pieces) room -= piece.byteLength
    } else {
      throw new VitrineError(
        'BUNDLE_INVALID',
        `Part ${JSON.stringify(part.fieldname.slice(0, 100))} has no filename: give it its module’s name as filename`,
      )
    }
  }
  if (upload.metadata === undefined) {
    throw new VitrineError(
      'REQUEST_INVALID',
      'The upload has no field "metadata": docs/control-api.md shows one',
    )
  }
  return upload
}

async function metadataOf(part: Multipart): Promise<unknown> {
  const value = part.type === 'file' ? await textOf(part) : part.value
  const truncated = part.type === 'file' ? value === null : part.valueTruncated
  if (truncated) {
    throw new VitrineError(
      'APP_CONFIG_INVALID',
      `The metadata is longer than ${METADATA_BYTES_MAX} bytes: shorten vars`,
    )
  }
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch (error) {
    throw new VitrineError('APP_CONFIG_INVALID', `The metadata is not JSON: ${(error as Error).message}`)
  }
}

/** Null if it is too long. */
async function textOf(part: MultipartFile): Promise<string | null> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of part.file as AsyncIterable<Buffer>) {
    bytes += piece.byteLength
    if (bytes > METADATA_BYTES_MAX) return null
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

async function moduleOf(part: MultipartFile, room: number, limits: Limits) {
  const name = moduleName(part.fieldname)
  const contentType = part.mimetype.split(';', 1)[0]!.trim().toLowerCase()
  const type = MODULE_TYPES.find(candidate => CONTENT_TYPES[candidate] === contentType)
  if (!type) {
    throw new VitrineError(
      'BUNDLE_INVALID',
      `Module ${JSON.stringify(name)} has the type ${JSON.stringify(contentType.slice(0, 100))}: use one of ${Object.values(CONTENT_TYPES).join(', ')}`,
    )
  }
  const pieces: Uint8Array[] = []
  let left = room
  for await (const piece of part.file as AsyncIterable<Buffer>) {
    left -= piece.byteLength
    if (left < 0) throw tooLarge(limits)
    pieces.push(piece)
  }
  return { name, type, pieces }
}

/** Parts are counted; what lies before, between and after them is bounded only by this. */
function refuseEndless(raw: IncomingMessage, bytesMax: number) {
  let received = 0
  raw.on('data', (piece: Buffer) => {
    received += piece.byteLength
    if (received > bytesMax + DISCARD_BYTES_MAX) raw.destroy()
  })
}

function discardRest(raw: IncomingMessage) {
  if (raw.complete || raw.destroyed) return
  raw.unpipe()
  let left = DISCARD_BYTES_MAX
  raw.on('data', (piece: Buffer) => {
    left -= piece.byteLength
    if (left < 0) raw.destroy()
  })
  raw.on('error', () => {})
  raw.resume()
  const timer = setTimeout(() => raw.destroy(), DISCARD_MS_MAX)
  const { socket } = raw
  // Once it is answered, a request is no longer told that its connection has closed.
  const enough = () => {
    clearTimeout(timer)
    socket.off('close', enough)
  }
  raw.once('end', enough)
  socket.once('close', enough)
}

function tooLarge({ bundleBytesMax }: Limits): VitrineError {
  const size =
    bundleBytesMax >= 2 ** 20 ? `${+(bundleBytesMax / 2 ** 20).toFixed(1)} MiB` : `${bundleBytesMax} bytes`
  return new VitrineError(
    'BUNDLE_TOO_LARGE',
    `The bundle is larger than ${size}: leave out what the app does not need, or raise --bundle-bytes-max`,
  )
}

function multipartError(error: unknown, limits: Limits): unknown {
  const { code, message } = error as { code?: string; message: string }
  if (code === 'FST_FILES_LIMIT' || code === 'FST_PARTS_LIMIT') {
    return new VitrineError(
      'BUNDLE_INVALID',
      `The bundle has more than ${limits.bundleModulesMax} modules (--bundle-modules-max): bundle them into fewer`,
    )
  }
  if (code?.startsWith('FST_') || /multipart|Part terminated|boundary/i.test(message)) {
    return new VitrineError('REQUEST_INVALID', `The upload cannot be read: ${message}`)
  }
  return error
}
