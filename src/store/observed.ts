/** A store that tells `storeChannel` how each operation ended. Without subscribers it adds nothing. */
import { storeChannel } from '../channels.ts'
import { VitrineError } from '../errors.ts'
import type { Store } from './store.ts'

type Operation = Exclude<keyof Store, typeof Symbol.asyncDispose>

const OPERATIONS = {
  generation: true,
  deploy: true,
  activate: true,
  app: true,
  apps: true,
  appCount: true,
  deleteApp: true,
  versions: true,
  bundle: true,
  routesFor: true,
  routes: true,
  addRoute: true,
  deleteRoute: true,
  kvGet: true,
  kvPut: true,
  kvDelete: true,
  kvList: true,
} satisfies Record<Operation, true>

export function observed(store: Store): Store {
  const methods: Record<string, unknown> = {}
  for (const operation of Object.keys(OPERATIONS) as Operation[]) {
    const method = store[operation].bind(store) as (...values: unknown[]) => Promise<unknown>
    methods[operation] = (...values: unknown[]) =>
      storeChannel.hasSubscribers ? watched(operation, () => method(...values)) : method(...values)
  }
  return { ...methods, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() } as unknown as Store
}

async function watched(operation: Operation, run: () => Promise<unknown>): Promise<unknown> {
  const start = performance.now()
  let result: 'ok' | 'error' = 'ok'
  try {
    return await run()
  } catch (error) {
    // A refusal, such as a route that is taken, is an answer; only what the store could not do is its failure.
    if (!(error instanceof VitrineError) || error.status >= 500) result = 'error'
    throw error
  } finally {
    storeChannel.publish({ operation, result, durationMs: performance.now() - start })
  }
}
