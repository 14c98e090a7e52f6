/**
 * What of undici subrequests and the cache need. Its own index loads all of it, with its `fetch`, mocks and caches: 4 MB
 * more in each runtime, and 25 ms in which the process serves nobody.
 */
import { createRequire } from 'node:module'
import type undici from 'undici'

const require = createRequire(import.meta.url)

export const Client: typeof undici.Client = require('undici/lib/dispatcher/client.js')
export type Client = undici.Client
export const Pool: typeof undici.Pool = require('undici/lib/dispatcher/pool.js')
export type Pool = undici.Pool
export const errors: typeof undici.errors = require('undici/lib/core/errors.js')

// As the index does it, with this one method of many.
Pool.prototype.request = require('undici/lib/api/api-request.js')
