/** Bodies that lie with the host, a request's or a fetched response's, and the promises that wait for their bytes. */
import { record, recordUint32 } from './outbox.ts'
import { mapDelete, mapGet, mapSet, promiseReject } from './primordials.ts'
import { current, type RequestContext } from './request-context.ts'
import { PULL, RECORD } from './wire.ts'

interface Pull {
  owner: RequestContext
  how: number
  resolve: (bytes: unknown) => void
  reject: (error: unknown) => void
}

const pulls = new Map<number, Pull>()

/** The next bytes; undefined at the end. */
export function pull(id: number): Promise<Uint8Array | undefined> {
  return ask(id, PULL.chunk) as Promise<Uint8Array | undefined>
}

/** All remaining bytes. */
export function collectBytes(id: number): Promise<ArrayBuffer> {
  return ask(id, PULL.bytes) as Promise<ArrayBuffer>
}

/** All remaining bytes, decoded by the host. */
export function collectText(id: number): Promise<string> {
  return ask(id, PULL.text) as Promise<string>
}

export function cancel(id: number): void {
  record(RECORD.cancel, id, 0)
}

function ask(id: number, how: number): Promise<unknown> {
  if (mapGet(pulls, id)) return promiseReject(new TypeError('This body is being read already.'))
  const owner = current
  return new Promise((resolve, reject) => {
    mapSet(pulls, id, { owner, how, resolve, reject })
    recordUint32(RECORD.pull, id, how)
  })
}

type Task = { owner: RequestContext; run: () => void } | null

export function bodyArrived(id: number, bytes: unknown): Task {
  return settle(id, pull => {
    pull.resolve(pull.how === PULL.chunk ? new Uint8Array(bytes as ArrayBuffer) : bytes)
  })
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
