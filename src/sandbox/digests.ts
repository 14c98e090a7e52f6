/** crypto.subtle.digest as messages: the data leaves as an outgoing body, the host answers with the hash. */
import { newGuestId } from './fetches.ts'
import { record, writeUint32 } from './outbox.ts'
import { Outgoing } from './outgoing.ts'
import { arrayIndexOf, mapDelete, mapGet, mapSet } from './primordials.ts'
import { current, type RequestContext } from './request-context.ts'
import { DIGESTS, type KernelLimits, RECORD } from './wire.ts'

let limits: KernelLimits
const digests = new Map<number, { owner: RequestContext; resolve: (hash: ArrayBuffer) => void }>()

export function limitDigests(kernelLimits: KernelLimits): void {
  limits = kernelLimits
}

export function startDigest(algorithm: (typeof DIGESTS)[number], data: Uint8Array): Promise<ArrayBuffer> {
  const owner = current
  const id = newGuestId()
  return new Promise(resolve => {
    mapSet(digests, id, { owner, resolve })
    owner.onOver(() => mapDelete(digests, id))
    record(RECORD.digest, id, 8)
    writeUint32(0, owner.id)
    writeUint32(4, arrayIndexOf(DIGESTS as unknown as unknown[], algorithm))
    new Outgoing(id, owner, limits.bodyWindow, () => {}).send({ kind: 'bytes', bytes: data })
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
