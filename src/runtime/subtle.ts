/**
 * Operations of crypto.subtle for guests, done by Node's Web Crypto. Stateless: a key comes with every operation that
 * uses it, as the bytes that it was given to the guest as.
 *
 * A message is the length of a JSON text as u32, that text, and bytes that the text refers to by offset and length:
 * `{"bytes": [offset, length]}` for binary data, `{"key": …}` for a key. The request's text is an array of the
 * operation's name and its arguments; the answer's an array of the result, or an object that says what is wrong.
 */
import { createPrivateKey, createPublicKey, createSecretKey, KeyObject, webcrypto } from 'node:crypto'
import { Violation } from './records.ts'

const { subtle } = webcrypto

const OPERATIONS = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'generateKey',
  'deriveKey',
  'deriveBits',
  'importKey',
  'exportKey',
  'wrapKey',
  'unwrapKey',
] as const

type Operation = (...args: unknown[]) => Promise<unknown>

/** What no CPU limit could interrupt is bounded beforehand: both as Cloudflare has them. */
const PBKDF2_ITERATIONS_MAX = 100_000
const RSA_EXPONENTS = [3, 65_537]
/** Blocks of a digest that PBKDF2 may compute, times its iterations: about a second. */
const PBKDF2_WORK_MAX = 1_000_000
const PBKDF2_BLOCK_BITS = 160
const RSA_GENERATED_BITS_MAX = 4096
const RSA_IMPORTED_BITS_MAX = 8192

/** How deep a message's arguments may nest: a key within an algorithm. */
const DEPTH_MAX = 4

export interface SubtleHost {
  /** Before work that nothing can interrupt: resolves to what ends its turn. */
  slowTurn(): Promise<Disposable>
  /** Work begins; false: nobody wants it any more. */
  begin(): boolean
}

/** Null: nobody wanted it. Throws a Violation for what no sandbox sends; anything else that is wrong is in the answer. */
export async function subtleOperation(
  request: Buffer,
  host: SubtleHost,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const answer = new Answer()
  const [name, ...given] = readMessage(request)
  const operation = OPERATIONS.find(known => known === name)
  if (!operation) throw new Violation('no operation of crypto.subtle')
  try {
    const args = given.map(value => decode(value, request, 0))
    checkWork(operation, args)
    using _turn = isSlow(operation, args) ? await host.slowTurn() : null
    if (!host.begin()) return null
    return answer.bytes([answer.value(await (subtle[operation] as Operation)(...args))])
  } catch (error) {
    if (error instanceof Violation) throw error
    const { name, message } = error as Error
    return answer.bytes({ name: String(name), message: String(message) })
  }
}

function readMessage(message: Buffer): unknown[] {
  if (message.length < 4) throw new Violation('short message')
  const end = 4 + message.readUInt32LE(0)
  if (end > message.length) throw new Violation('short message')
  try {
    const text = JSON.parse(message.toString('utf8', 4, end)) as unknown
    if (Array.isArray(text)) return text
  } catch {}
  throw new Violation('malformed message')
}

type Json = Record<string, unknown>

function decode(value: unknown, message: Buffer, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEPTH_MAX) throw new Violation('a message that nests too deep')
  if (Array.isArray(value)) return value.map(item => decode(item, message, depth + 1))
  const { bytes, key } = value as Json
  if (bytes !== undefined) return bytesAt(bytes, message)
  if (key !== undefined) return importKey(key as Json, message)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, decode(member, message, depth + 1)]),
  )
}

function bytesAt(place: unknown, message: Buffer): Uint8Array<ArrayBuffer> {
  const [offset, length] = Array.isArray(place) ? (place as number[]) : []
  const from = 4 + message.readUInt32LE(0) + offset!
  if (!(offset! >= 0 && length! >= 0 && from + length! <= message.length))
    throw new Violation('bytes out of range')
  return new Uint8Array(message.subarray(from, from + length!))
}

/** A key as it was told to the guest, made anew. */
function importKey({ type, algorithm, extractable, usages, material }: Json, message: Buffer): CryptoKey {
  const bytes = Buffer.from(bytesAt((material as Json | undefined)?.bytes, message))
  try {
    const der = { key: bytes, format: 'der' } as const
    const key =
      type === 'secret'
        ? createSecretKey(bytes)
        : type === 'private'
          ? createPrivateKey({ ...der, type: 'pkcs8' })
          : createPublicKey({ ...der, type: 'spki' })
    const wanted = decode(algorithm, message, 1) as webcrypto.AlgorithmIdentifier
    return key.toCryptoKey(wanted, extractable === true, usages as webcrypto.KeyUsage[])
  } catch (error) {
    throw new Violation(`a key that is none: ${(error as Error).message}`)
  }
}

/** What can take longer than a request may. */
function isSlow(operation: (typeof OPERATIONS)[number], args: readonly unknown[]): boolean {
  const name = nameOf(args[0])
  return (operation === 'generateKey' && name.startsWith('RSA')) || name === 'PBKDF2'
}

function nameOf(algorithm: unknown): string {
  return String((algorithm as Json | undefined)?.name ?? '').toUpperCase()
}

function checkWork(operation: (typeof OPERATIONS)[number], args: readonly unknown[]): void {
  const algorithm = (args[0] ?? {}) as Json
  const name = nameOf(algorithm)
  if (operation === 'generateKey' && name.startsWith('RSA')) {
    if (Number(algorithm.modulusLength) > RSA_GENERATED_BITS_MAX)
      throw refusal(
        'OperationError',
        `RSA keys of more than ${RSA_GENERATED_BITS_MAX} bits are not generated here.`,
      )
    const exponent = algorithm.publicExponent
    const value = exponent instanceof Uint8Array ? Number(`0x0${Buffer.from(exponent).toString('hex')}`) : 0
    if (exponent !== undefined && !RSA_EXPONENTS.includes(value))
      throw refusal(
        'OperationError',
        `The public exponent of an RSA key has to be ${RSA_EXPONENTS.join(' or ')}.`,
      )
  }
  if (name === 'PBKDF2' && (operation === 'deriveBits' || operation === 'deriveKey')) {
    const iterations = Number(algorithm.iterations)
    const bits = operation === 'deriveBits' ? Number(args[2] ?? 0) : RSA_GENERATED_BITS_MAX / 4
    const work = iterations * Math.ceil(bits / PBKDF2_BLOCK_BITS)
    if (iterations > PBKDF2_ITERATIONS_MAX || work > PBKDF2_WORK_MAX)
      throw refusal(
        'NotSupportedError',
        `PBKDF2 may run ${PBKDF2_ITERATIONS_MAX} iterations here, and fewer for long keys.`,
      )
  }
}

function refusal(name: string, message: string): Error {
  return new DOMException(message, name)
}

/** Puts an answer together. */
class Answer {
  readonly #pieces: Buffer[] = []
  #length = 0

  value(value: unknown): unknown {
    if (value instanceof ArrayBuffer) return this.#bytes(Buffer.from(value))
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof CryptoKey) return this.#key(value)
    const { publicKey, privateKey } = value as Json
    if (publicKey instanceof CryptoKey && privateKey instanceof CryptoKey)
      return { publicKey: this.#key(publicKey), privateKey: this.#key(privateKey) }
    return { jwk: value }
  }

  bytes(text: unknown): Uint8Array<ArrayBuffer> {
    const json = Buffer.from(JSON.stringify(text))
    const message = new Uint8Array(4 + json.length + this.#length)
    const view = Buffer.from(message.buffer)
    view.writeUInt32LE(json.length, 0)
    view.set(json, 4)
    let at = 4 + json.length
    for (const piece of this.#pieces) {
      view.set(piece, at)
      at += piece.length
    }
    return message
  }

  #bytes(bytes: Buffer): { bytes: [number, number] } {
    const place: [number, number] = [this.#length, bytes.length]
    this.#pieces.push(bytes)
    this.#length += bytes.length
    return { bytes: place }
  }

  #key(key: CryptoKey): unknown {
    const { type, extractable, usages } = key
    const algorithm = { ...key.algorithm } as Json
    if (Number(algorithm.modulusLength) > RSA_IMPORTED_BITS_MAX)
      throw refusal(
        'NotSupportedError',
        `RSA keys of more than ${RSA_IMPORTED_BITS_MAX} bits are not supported here.`,
      )
    if (algorithm.publicExponent instanceof Uint8Array)
      algorithm.publicExponent = this.#bytes(Buffer.from(algorithm.publicExponent))
    const object = KeyObject.from(key)
    const material =
      type === 'secret'
        ? object.export()
        : object.export({ format: 'der', type: type === 'private' ? 'pkcs8' : 'spki' })
    return { key: { type, algorithm, extractable, usages, material: this.#bytes(material as Buffer) } }
  }
}
