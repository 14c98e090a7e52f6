/**
 * A well-behaved app that has as much done for it as an attacker had: deployed and asked as often, with bodies as long,
 * answering with as many bytes. What that costs the platform is the same, whatever the app is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Attack, sendAttack } from '../../test/support/attack.ts'
import { type Arena, WALL_MS } from './arena.ts'
import type { Repeated } from './trial.ts'

const NAME = 'calm'
const CHUNK_BYTES = 65_536

/** Reads its body, and answers with so many bytes. */
function source(bytes: number): string {
  const chunks = Math.floor(bytes / CHUNK_BYTES)
  return `export default {
    async fetch(request) {
      if (request.body) for await (const chunk of request.body);
      let left = ${chunks}
      if (left === 0) return new Response('answered')
      return new Response(new ReadableStream({
        pull(controller) {
          if (left-- === 0) controller.close()
          else controller.enqueue(new Uint8Array(${CHUNK_BYTES}))
        },
      }))
    },
  }`
}

/** A longer response costs more CPU time than a request may use: it comes in parts of this size. */
const PART_BYTES = 16 * 2 ** 20

/** An attack of so many clients at once, or so short, or that moves so much, costs less by its app than by that. */
const FLOOD = 500
const SHORT_MS = 100
const BYTES_PER_SECOND = 32 * 2 ** 20

/** The victim's p99 beside it, over so long; 0 where what is done for the attacker is little. */
export async function p99BesideCalm(
  arena: Arena,
  { attack, done, ms }: { attack: Attack; done: Repeated; ms: number },
): Promise<number> {
  const sentBytes = done.requests * attack.bodyBytes
  const bytesMin = (BYTES_PER_SECOND * ms) / 1000
  const isMuch = attack.atOnce >= FLOOD || done.endMs < SHORT_MS || sentBytes + done.bytesReceived >= bytesMin
  if (!isMuch && done.deploys === 1) return 0
  const bytes = done.bytesReceived / Math.max(1, done.requests)
  const parts = Math.max(1, Math.ceil(bytes / PART_BYTES))
  const calm: Attack = { ...attack, name: NAME, readMs: Infinity, times: attack.times * parts }
  const app = source(bytes / parts)
  if (done.deploys <= 1) await arena.platform.upload(NAME, app)
  const act = async () => {
    const began = performance.now()
    for (let round = 0; round < done.rounds; round++) {
      if (done.deploys > 1 && round < done.deploys) await arena.platform.upload(NAME, app)
      if (done.requests > 0) await sendAttack(calm, { port: arena.platform.appsPort, neverMs: WALL_MS })
      await sleep(Math.max(0, began + ((round + 1) * ms) / done.rounds - performance.now()))
    }
  }
  const { victim } = await arena.measure(act, ms)
  await arena.delete(NAME)
  return victim.p99Ms
}
