/** A server that is on an attack's side: what apps under apps/hostile/upstream-… fetch from. Egress has to be opened to it. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Of loopback, and nobody else's. */
export const ACCOMPLICE_HOST = '127.0.0.77'

/** Starts it in a thread of its own. There can be one on a machine. */
export async function startAccomplice(): Promise<AsyncDisposable> {
  const worker = new Worker(new URL('./accomplice-thread.ts', import.meta.url), {
    workerData: ACCOMPLICE_HOST,
  })
  await once(worker, 'message')
  return {
    async [Symbol.asyncDispose]() {
      await worker.terminate()
    },
  }
}
