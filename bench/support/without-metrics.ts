/**
 * Preloaded into a platform, takes its metrics away: nobody counts what it publishes, and nobody serves it. There is no
 * setting for that, because nobody needs one but who asks what metrics cost.
 */
import { registerHooks } from 'node:module'

const METRICS = new URL('../../src/metrics/metrics.ts', import.meta.url).href
const NONE = `export const startMetrics = async () => ({ url: 'http://127.0.0.1/', port: 0, async [Symbol.asyncDispose]() {} })`

registerHooks({
  load: (url, context, next) =>
    url === METRICS ? { format: 'module', source: NONE, shortCircuit: true } : next(url, context),
})
