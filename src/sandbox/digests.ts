/** crypto.subtle as messages: the data leaves as an outgoing body, the host answers with the hash or the result. */
import { newGuestId } from './fetches.ts'
import { record, writeUint32 } from './outbox.ts'
import { Outgoing } from './outgoing.ts'
import { arrayIndexOf, mapDelete, mapGet, mapSet } from './primordials.ts'
import { current, type RequestContext } from './request-context.ts'
import type { ReadableStream } from './streams.ts'
import { DIGESTS, type KernelLimits, RECORD, SUBTLE } from './wire.ts'

let limits: KernelLimits
const digests = new Map<number, { owner: RequestContext; resolve: (hash: ArrayBuffer) => void }>()

export function limitDigests(kernelLimits: KernelLimits): void {
  limits = kernelLimits
}

export function startDigest(algorithm: (typeof DIGESTS)[number], data: Uint8Array): Promise<ArrayBuffer> {
  return start(indexOf(algorithm), body => body.sendBorrowed(data))
}

/** Of all bytes that the stream brings; never settles if it fails. */
export function startDigestStream(
  algorithm: (typeof DIGESTS)[number],
  stream: ReadableStream<Uint8Array>,
): Promise<ArrayBuffer> {
  return start(indexOf(algorithm), body => body.send({ kind: 'stream', stream }))
}

function indexOf(algorithm: (typeof DIGESTS)[number]): number {
  return arrayIndexOf(DIGESTS as unknown as unknown[], algorithm)
}

export function startOperation(message: Uint8Array): Promise<ArrayBuffer> {
  return start(SUBTLE, body => body.send({ kind: 'bytes', bytes: message }))
}

function start(what: number, send: (body: Outgoing) => void): Promise<ArrayBuffer> {
  const owner = current
  const id = newGuestId()
  return new Promise(resolve => {
    mapSet(digests, id, { owner, resolve })
    owner.onOver(() => mapDelete(digests, id))
    record(RECORD.digest, id, 8)
    writeUint32(0, owner.id)
    writeUint32(4, what)
    // A hash takes its data at once: only the outbox' room bounds what leaves in a call.
    const credit = what === SUBTLE ? limits.bodyWindow : Infinity
    send(new Outgoing(id, owner, credit, () => {}))
  })
}

export function digestArrived(
  id: number,
  hash: ArrayBuffer,
): { owner: RequestContext; run: () => void } | null {
  const digest = mapGet(digests, id)
  if (!digest) return null
  mapDelete(digests, id)
  return { owner: digest.owner, run: () => digest.resolve(hash) }
}
