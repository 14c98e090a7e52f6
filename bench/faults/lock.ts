/** Another process holds the database's lock. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Client } from '../support/client.ts'
import { benchApp } from '../support/comparison.ts'
import { Platform } from '../support/platform.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { expect, type Fault } from './fault.ts'

const SENTENCE = /is locked by another process: try again, or stop that process/

export const lockedDatabase: Fault = {
  name: 'locked-database',
  title: 'another process writes to the database without end: reads go on, deploys are refused in a sentence',
  async run() {
    const directory = temporaryDirectory()
    const file = join(directory, 'vitrine.db')
    await using platform = await Platform.open(file)
    const hello = await platform.deploy('hello', benchApp('hello'))
    await platform.upload('cold', `export default { fetch() { return new Response('cold') } }`)
    using client = new Client(1)
    const other = new DatabaseSync(file)
    other.exec('BEGIN IMMEDIATE')

    const began = performance.now()
    const refusal = await platform.upload('hello', `export default { fetch() {} }`).then(
      () => 'nothing',
      (error: Error) => error.message,
    )
    const refusedMs = performance.now() - began
    expect(`a deploy is refused for that, but: ${refusal}`, SENTENCE.test(refusal))
    await client.sendOk(hello)
    await client.sendOk(platform.app('cold'))

    other.exec('ROLLBACK')
    other.close()
    await platform.upload('hello', `export default { fetch() { return new Response('2') } }`)
    expect('the next deploy is served', (await client.sendOk(hello)).body.toString() === '2')
    return `refused after ${Math.round(refusedMs)} ms; loaded and unloaded apps go on; the next deploy is served`
  },
}
