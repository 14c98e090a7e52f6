/** Many deployed apps at once: written through the store, as deploys write them, but without the trials. */
import type { AppConfig } from '../../src/app-config.ts'
import { encodeBundle } from '../../src/bundle.ts'
import { openStore } from '../../src/store/open.ts'
import { Client } from './client.ts'
import type { Platform } from './platform.ts'

export interface StoredApp {
  name: string
  source: string
  routes?: string[]
}

const CONFIG: AppConfig = {
  main: 'index.js',
  syntax: 'module',
  compatibilityFlags: [],
  vars: {},
  limits: {},
}

/** Writes that share one transaction, roughly. */
const GROUP = 500

/** A small app of a text of its own, so that no two share a bundle. */
export function smallApp(name: string): StoredApp {
  return { name, source: `export default { fetch: () => new Response(${JSON.stringify(`${name}\n`)}) }\n` }
}

export async function storeApps(file: string, apps: readonly StoredApp[]): Promise<void> {
  await using store = await openStore(`sqlite:${file}`)
  for (let first = 0; first < apps.length; first += GROUP) {
    const group = apps.slice(first, first + GROUP)
    await Promise.all(
      group.map(({ name, source, routes = [] }) => {
        const bundle = encodeBundle([{ name: CONFIG.main, type: 'esm', content: Buffer.from(source) }])
        return store.deploy({ app: name, config: CONFIG, bundle, routes })
      }),
    )
  }
}

/** `app-0` and on. */
export function appNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `app-${index}`)
}

/** Loads them by one request each, then waits until memory stands still. */
export async function touch(platform: Platform, names: readonly string[]): Promise<void> {
  using client = new Client(1)
  for (const name of names) await client.sendOk(platform.app(name))
  await platform.process.settle()
}
