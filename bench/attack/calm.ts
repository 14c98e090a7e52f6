/**
 * A well-behaved app that has as much done for it as an attacker had: deployed and asked as often, with a bundle and bodies
 * as long, answering with as many bytes. What that costs the platform is the same, whatever the app is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Attack, commentOf, sendAttack } from '../../test/support/attack.ts'
import { type Arena, CONNECTIONS, WALL_MS } from './arena.ts'
import type { Repeated } from './trial.ts'

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

/** What is so short, moves so much, or comes from more clients than the victim has, costs less by its app than by that. */
const SHORT_MS = 100
const BYTES_PER_SECOND = 32 * 2 ** 20

/** The victim's p99 beside one such app for each attacker, over so long; 0 where little is done for any of them. */
export async function p99BesideCalm(arena: Arena, attacks: readonly Repeated[], ms: number): Promise<number> {
  const much = attacks.filter(repeated => isMuch(repeated, ms))
  if (much.length === 0) return 0
  const apps = await Promise.all(
    much.map((repeated, index) => CalmApp.open(arena, `calm-${index}`, repeated)),
  )
  const { victim } = await arena.measure(() => Promise.all(apps.map(app => app.act(ms))), ms)
  for (const { name } of apps) await arena.delete(name)
  return victim.p99Ms
}

function isMuch({ attack, requests, bytesReceived, deploys, endMs }: Repeated, ms: number): boolean {
  const bytes = requests * carriedBytes(attack) + bytesReceived
  const isBulk = bytes >= (BYTES_PER_SECOND * ms) / 1000
  return isBulk || attack.atOnce > CONNECTIONS || endMs < SHORT_MS || deploys > 1
}

/** With each request: its body, and the bundle, which has to be carried to a new instance where it ends the old one. */
function carriedBytes({ bodyBytes, bundleBytes }: Attack): number {
  return bodyBytes + bundleBytes
}

class CalmApp {
  readonly name: string
  readonly #arena: Arena
  readonly #repeated: Repeated
  readonly #source: string
  readonly #asked: Attack

  private constructor(arena: Arena, name: string, repeated: Repeated) {
    this.name = name
    this.#arena = arena
    this.#repeated = repeated
    const { attack, bytesReceived, requests } = repeated
    const bytes = bytesReceived / Math.max(1, requests)
    const parts = Math.max(1, Math.ceil(bytes / PART_BYTES))
    this.#source = source(bytes / parts) + commentOf(attack.bundleBytes)
    const bodyBytes = carriedBytes(attack)
    const method = bodyBytes > 0 && attack.method === 'GET' ? 'POST' : attack.method
    this.#asked = { ...attack, name, method, bodyBytes, readMs: Infinity, times: attack.times * parts }
  }

  /** Deployed, unless deploying it is what is measured. */
  static async open(arena: Arena, name: string, repeated: Repeated): Promise<CalmApp> {
    const app = new CalmApp(arena, name, repeated)
    if (repeated.deploys <= 1) await app.#deploy()
    return app
  }

  /** As many rounds as the attacker had, spread over so long. */
  async act(ms: number): Promise<void> {
    const { rounds, deploys, requests } = this.#repeated
    const began = performance.now()
    for (let round = 0; round < rounds; round++) {
      if (deploys > 1 && round < deploys) await this.#deploy()
      if (requests > 0) {
        await sendAttack(this.#asked, { port: this.#arena.platform.appsPort, neverMs: WALL_MS })
      }
      await sleep(Math.max(0, began + ((round + 1) * ms) / rounds - performance.now()))
    }
  }

  async #deploy(): Promise<void> {
    await this.#arena.platform.upload(this.name, this.#source)
  }
}
