/** Writes to the store at argv[2] without end; each line of its output is a change that was acknowledged. */
import { writeSync } from 'node:fs'
import { openStore } from '../../src/store/open.ts'
import { deployment } from '../contract/store.ts'

const [url, round] = process.argv.slice(2) as [string, string]
const store = await openStore(url)
const tell = (change: Acknowledged) => writeSync(1, `${JSON.stringify(change)}\n`)

export type Acknowledged =
  | { app: string; number: number; hash: string; bytes: number; route: string }
  | { key: string; value: string }

async function deployEndlessly(app: string, bytes: number) {
  for (let i = 0; ; i++) {
    const bundle = Buffer.alloc(bytes, `${round} ${i} `)
    const route = `${app}-${round}-${i}.test/*`
    const { number, bundleHash } = await store.deploy(deployment(app, { bundle, routes: [route] }))
    tell({ app, number, hash: bundleHash, bytes, route })
  }
}

async function putEndlessly() {
  for (let i = 0; ; i++) {
    await store.kvPut('n', `${round} ${i}`, { value: Buffer.from(`value ${i}`) })
    tell({ key: `${round} ${i}`, value: `value ${i}` })
  }
}

await Promise.all([deployEndlessly('small', 1000), deployEndlessly('large', 1_500_000), putEndlessly()])
