/** Bodies that lie with the host, a request's or a fetched response's, and the promises that wait for their bytes. */
import { GatheredBytes } from './gathered-bytes.ts'
import { record, recordUint32 } from './outbox.ts'
import { mapDelete, mapGet, mapSet, promiseReject } from './primordials.ts'
import { current, type RequestContext } from './request-context.ts'
import { PULL, RECORD } from './wire.ts'

interface Pull {
  owner: RequestContext
  how: number
  /** The parts that have come of a body that is to be whole. */
  text: string
  bytes: GatheredBytes | null
  /** How long all of them will be, as far as anybody has said. */
  expectedBytes: () => number
  resolve: (bytes: unknown) => void
  reject: (error: unknown) => void
}

const pulls = new Map<number, Pull>()

/** The next bytes; undefined at the end. */
export function pull(id: number): Promise<Uint8Array | undefined> {
  return ask(id, PULL.chunk) as Promise<Uint8Array | undefined>
}

/** All remaining bytes. */
export function collectBytes(id: number, expectedBytes: () => number): Promise<ArrayBuffer> {
  return ask(id, PULL.bytes, expectedBytes) as Promise<ArrayBuffer>
}

/** All remaining bytes, decoded by the host. */
export function collectText(id: number): Promise<string> {
  return ask(id, PULL.text) as Promise<string>
}

export function cancel(id: number): void {
  record(RECORD.cancel, id, 0)
}

function ask(id: number, how: number, expectedBytes: () => number = () => 0): Promise<unknown> {
  if (mapGet(pulls, id)) return promiseReject(new TypeError('This body is being read already.'))
  const owner = current
  return new Promise((resolve, reject) => {
    mapSet(pulls, id, { owner, how, text: '', bytes: null, expectedBytes, resolve, reject })
    recordUint32(RECORD.pull, id, how)
  })
}

type Task = { owner: RequestContext; run: () => void } | null

export function bodyArrived(id: number, bytes: unknown): Task {
  return settle(id, pull => pull.resolve(new Uint8Array(bytes as ArrayBuffer)))
}

/** A body that is to be whole has come, or a part of it. */
export function bodyCollected(id: number, part: ArrayBuffer | string, isAll: boolean): Task {
  if (isAll) return settle(id, pull => pull.resolve(withPart(pull, part, true)))
  const pull = mapGet(pulls, id)
  if (!pull) return null
  const run = () => {
    withPart(pull, part, false)
    recordUint32(RECORD.pull, id, pull.how)
  }
  return { owner: pull.owner, run }
}

/** Adds a part; all of them, if it is the last. */
function withPart(pull: Pull, part: ArrayBuffer | string, isLast: boolean): unknown {
  if (typeof part === 'string') {
    pull.text += part
    return pull.text
  }
  if (isLast && pull.bytes === null) return part
  pull.bytes ??= new GatheredBytes(pull.expectedBytes())
  pull.bytes.add(new Uint8Array(part))
  return isLast ? pull.bytes.all() : undefined
}

export function bodyEnded(id: number): Task {
  return settle(id, pull => pull.resolve(undefined))
}

export function bodyBroken(id: number, reason: string): Task {
  return settle(id, pull => pull.reject(new TypeError(reason)))
}

function settle(id: number, act: (pull: Pull) => void): Task {
  const pull = mapGet(pulls, id)
  if (!pull) return null
  mapDelete(pulls, id)
  return { owner: pull.owner, run: () => act(pull) }
}
