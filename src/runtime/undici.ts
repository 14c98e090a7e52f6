/**
 * What of undici subrequests and the cache need. Its own index loads all of it, with its `fetch`, mocks and caches: 4 MB
 * more in each runtime, and 25 ms in which the process serves nobody.
 */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type undici from 'undici'

const require = createRequire(import.meta.url)

export const Client: typeof undici.Client = require('undici/lib/dispatcher/client.js')
export type Client = undici.Client
export const Pool: typeof undici.Pool = require('undici/lib/dispatcher/pool.js')
export type Pool = undici.Pool
export const errors: typeof undici.errors = require('undici/lib/core/errors.js')

const { kParser } = require('undici/lib/core/symbols.js') as { kParser: symbol }

interface Parser {
  socket: Socket
  trackHeader(bytes: number): void
  onHeaderField(name: Buffer): number
}

/**
 * As much more as HTTP/2 has a field count for (RFC 9113, 6.5.2), here for its name and for its value: each is an object of
 * at least that size.
 */
const OVERHEAD_BYTES = 32
/** llhttp stops at whatever is not 0. */
const STOP = -1

let fieldsAreBounded = false

/**
 * undici bounds the bytes of a head's fields and not their number: of one byte each 32,000 pass, in heads, informational
 * ones and trailers, and what follows the one too many is still parsed. From now on each counts for more, for all parsers.
 * `socket`: one that undici reads.
 */
export function boundFields(socket: Socket): void {
  if (fieldsAreBounded) return
  fieldsAreBounded = true
  const parser = (socket as unknown as Record<symbol, Parser>)[kParser]!
  const prototype = Object.getPrototypeOf(parser) as Parser
  const { trackHeader, onHeaderField } = prototype
  prototype.trackHeader = function (bytes) {
    trackHeader.call(this, bytes + OVERHEAD_BYTES)
  }
  prototype.onHeaderField = function (name) {
    return this.socket.destroyed ? STOP : onHeaderField.call(this, name)
  }
}

// As the index does it, with this one method of many.
Pool.prototype.request = require('undici/lib/api/api-request.js')
