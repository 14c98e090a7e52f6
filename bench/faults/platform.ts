/** The platform is killed in the middle of deploys, again and again, and started on what it left. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import { Platform } from '../support/platform.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { expect, type Fault } from './fault.ts'

const KILLS = 50
const WRITERS = 4
/** A life ends after the first deploy, at a moment that differs from life to life. */
const LIFE_MS_MIN = 50
const LIFE_MS_MAX = 600
const COMMIT_OF = (version: number) => `export default { fetch() { return new Response('${version}') } }`

export const platform: Fault = {
  name: 'platform',
  title: `the platform is killed ${KILLS} times during deploys: what was acknowledged is there`,
  async run() {
    const file = join(temporaryDirectory(), 'vitrine.db')
    /** By app: the last version whose deploy was acknowledged, and the last that was sent. */
    const acknowledged = new Map<string, number>()
    const sent = new Map<string, number>()
    let slowestStartMs = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const platform = await Platform.open(file, { flags: ['--runtimes', '1'] })
      slowestStartMs = Math.max(slowestStartMs, platform.startMs)
      await lastAcknowledgedIsServed(platform, acknowledged, sent)
      const writing = Array.from({ length: WRITERS }, (_, app) =>
        deployUntilKilled(platform, `app-${app}`, acknowledged, sent),
      )
      await delay(LIFE_MS_MIN + ((LIFE_MS_MAX - LIFE_MS_MIN) * kill) / KILLS)
      platform.process.killAll()
      await Promise.all(writing)
      await platform[Symbol.asyncDispose]()
      expect('the database is sound', isSound(file))
    }
    await using platform = await Platform.open(file)
    await lastAcknowledgedIsServed(platform, acknowledged, sent)
    const deploys = [...acknowledged.values()].reduce((sum, count) => sum + count, 0)
    expect('deploys were acknowledged', deploys > KILLS)
    return `${deploys} deploys acknowledged over ${KILLS} lives, none lost; slowest start ${Math.round(slowestStartMs)} ms`
  },
}

async function deployUntilKilled(
  platform: Platform,
  app: string,
  acknowledged: Map<string, number>,
  sent: Map<string, number>,
): Promise<void> {
  try {
    for (;;) {
      const version = (sent.get(app) ?? 0) + 1
      sent.set(app, version)
      await platform.upload(app, COMMIT_OF(version))
      acknowledged.set(app, version)
    }
  } catch {
    // It was killed.
  }
}

/** A deploy whose acknowledgement was lost with the platform may have been made or not. */
async function lastAcknowledgedIsServed(
  platform: Platform,
  acknowledged: ReadonlyMap<string, number>,
  sent: ReadonlyMap<string, number>,
): Promise<void> {
  using client = new Client(1)
  for (const [app, version] of acknowledged) {
    const { body } = await client.sendOk(platform.app(app))
    const served = Number(body.toString())
    expect(
      `${app} serves ${version} or what was sent after it, but it serves ${served}`,
      served >= version && served <= sent.get(app)!,
    )
  }
}

function isSound(file: string): boolean {
  const database = new DatabaseSync(file)
  try {
    return database.prepare('PRAGMA integrity_check').get()?.integrity_check === 'ok'
  } finally {
    database.close()
  }
}
