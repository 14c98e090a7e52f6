/** The few programs of wptserve's that tests of fetch() cannot do without, written anew. */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** Texts that one request leaves for another. */
type Stash = Map<string, string>

type Program = (query: URLSearchParams, response: ServerResponse, stash: Stash) => Promise<void> | void

const SLOW_MS = 10

export const PROGRAMS: Record<string, Program> = {
  /** Writes a line every `ms`, `count` times. */
  async 'trickle.py'(query, response) {
    const ms = Number(query.get('ms') ?? 500)
    await delay(2 * ms)
    response.writeHead(200, query.has('notype') ? {} : { 'content-type': 'text/plain' })
    for (let i = Number(query.get('count') ?? 50); i > 0 && !response.closed; i--) {
      response.write('TEST_TRICKLE\n')
      await delay(ms)
    }
    response.end()
  },

  /** Answers with the status, type and body asked for. */
  'status.py'(query, response) {
    response.writeHead(Number(query.get('code') ?? 200), query.get('text') ?? 'OMG', {
      'content-type': query.get('type') ?? '',
    })
    response.end(query.get('content') ?? '')
  },

  /** Writes until the client leaves or `abortKey` is stashed; says under `stateKey` whether it still does. */
  async 'infinite-slow-response.py'(query, response, stash) {
    const [state, abort] = [query.get('stateKey'), query.get('abortKey')]
    if (state) stash.set(state, 'open')
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write('.'.repeat(2048))
    while (!response.closed && !(abort && stash.delete(abort))) {
      response.write('.')
      await delay(SLOW_MS)
    }
    response.end()
    if (state) stash.set(state, 'closed')
  },

  'stash-put.py'(query, response, stash) {
    stash.set(query.get('key') ?? '', query.get('value') ?? '')
    response.end('done')
  },

  'stash-take.py'(query, response, stash) {
    const key = query.get('key') ?? ''
    const value = stash.get(key) ?? null
    stash.delete(key)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  },
}
