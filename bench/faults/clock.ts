/** The wall clock jumps by hours, forwards and back, as after a suspended machine or a wrong time server. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { benchApp } from '../support/comparison.ts'
import { Platform } from '../support/platform.ts'
import { temporaryDirectory } from '../support/server-process.ts'
import { askUntil, CannotCause, describeFailures, expect, type Fault } from './fault.ts'

/** Of Debian's package faketime: it comes between a program and the C library's clocks. */
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
const JUMPS = ['+2h', '-3h', '+400d', '+0'] as const
const JUMP_EVERY_MS = 2000
const CONNECTIONS = 8

export const clock: Fault = {
  name: 'clock',
  title: 'the wall clock jumps by hours and back: requests, deploys and readiness go on',
  async run() {
    if (!existsSync(LIBRARY)) throw new CannotCause('the package faketime is not installed')
    const directory = temporaryDirectory()
    const time = join(directory, 'time')
    writeFileSync(time, '+0')
    const env = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: time,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    await using platform = await Platform.start({ flags: ['--runtimes', '2'], env })
    const hello = await platform.deploy('hello', benchApp('hello'))
    const seen: string[] = []
    const jumping = (async () => {
      for (const jump of JUMPS) {
        writeFileSync(time, jump)
        await delay(JUMP_EVERY_MS)
        const date = (await fetch(new URL('/healthz', platform.metricsUrl))).headers.get('date')
        seen.push(String(date))
        const { status } = await fetch(new URL('/readyz', platform.metricsUrl))
        expect(`the platform is ready after ${jump}, but /readyz answers ${status}`, status === 200)
        await platform.upload('deployed', `export default { fetch() { return new Response('${jump}') } }`)
      }
    })()
    const answers = await askUntil(hello, CONNECTIONS, jumping)

    expect(`no request fails, but ${describeFailures(answers)}`, answers.failures.size === 0)
    expect(`the clock jumped: ${seen.join(', ')}`, new Set(seen.map(date => date.slice(0, 16))).size > 1)
    return `${answers.times.length} requests and ${JUMPS.length} deploys while it jumped ${JUMPS.join(', ')}; failed: none`
  },
}
