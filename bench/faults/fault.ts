/** What a fault is to the suite, and what faults have in common. */
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import type { Target } from '../support/target.ts'

export interface Fault {
  /** As it is named on the command line. */
  readonly name: string
  readonly title: string
  /** Resolves to what was seen, in one line; rejects if something was not as it has to be. */
  run(options: FaultOptions): Promise<string>
}

export interface FaultOptions {
  /** How long a fault that goes on is kept up, in seconds. */
  seconds: number
}

/** A fault that cannot be caused here, since a program or a right is missing. */
export class CannotCause extends Error {}

const STEP_MS = 20
const UNTIL_MS_MAX = 20_000

/** Resolves once `found` tells true; rejects with the sentence if it does not in time. */
export async function until(sentence: string, found: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + UNTIL_MS_MAX; performance.now() < end; ) {
    if (await found()) return
    await delay(STEP_MS)
  }
  throw new Error(`it does not come about that ${sentence}`)
}

export function expect(sentence: string, holds: boolean): void {
  if (!holds) throw new Error(`it does not hold that ${sentence}`)
}

export interface Answers {
  /** Times of the requests that were answered with 200, in ms. */
  times: number[]
  /** How often each other status, or broken connection, was seen. */
  failures: Map<string, number>
}

/** Sends requests over `connections` until `over` settles. */
export async function askUntil(
  target: Target,
  connections: number,
  over: Promise<unknown>,
): Promise<Answers> {
  using client = new Client(connections)
  const times: number[] = []
  const failures = new Map<string, number>()
  let running = true
  const clients = Array.from({ length: connections }, async () => {
    while (running) {
      const { status, ms } = await client
        .send(target)
        .catch((error: Error) => ({ status: error.message, ms: 0 }))
      if (status === 200) times.push(ms)
      else failures.set(String(status), (failures.get(String(status)) ?? 0) + 1)
    }
  })
  try {
    await over
  } finally {
    running = false
    await Promise.all(clients)
  }
  return { times, failures }
}

export function describeFailures({ failures }: Answers): string {
  return [...failures].map(([failure, count]) => `${count} × ${failure}`).join(', ') || 'none'
}
