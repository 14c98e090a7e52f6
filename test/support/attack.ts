/** The attacks under apps/hostile: what each one's table says, and how its requests are sent. */
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { buildApp } from '../../src/build/build.ts'
import type { Upload } from '../../src/build/upload.ts'
import { OPTIONS } from '../../src/config.ts'

export const HOSTILE = join(import.meta.dirname, '../../apps/hostile')

/** One file; apps/README.md says what the lines of its table mean. */
export interface Attack {
  name: string
  file: string
  what: string
  /** Outcomes that are right. */
  expect: string[]
  /** A comment makes its bundle so long. */
  bundleBytes: number
  method: string
  bodyBytes: number
  /** How long the response is read; 0: never; Infinity: to its end. */
  readMs: number
  status: number | null
  /** Rounds, one after the other, and requests in each of them. */
  times: number
  atOnce: number
}

export function readAttacks(): Attack[] {
  const files = readdirSync(HOSTILE).filter(name => name.endsWith('.js'))
  return files.sort().map(readAttack)
}

function readAttack(name: string): Attack {
  const file = join(HOSTILE, name)
  const source = readFileSync(file, 'utf8')
  const line = (key: string) => new RegExp(`^// ${key}: (.+)$`, 'm').exec(source)?.[1]?.trim()
  const [method = 'GET', bytes = '0'] = (line('request') ?? '').split(' ').filter(Boolean)
  const read = line('read')
  return {
    name: name.replace(/\.js$/, ''),
    file,
    what: source.slice(3, source.indexOf('\n')),
    expect: line('expect')!
      .split('|')
      .map(outcome => outcome.trim()),
    bundleBytes: Number(line('bundle') ?? 0),
    method,
    bodyBytes: Number(bytes),
    readMs: read === undefined ? Infinity : read === 'never' ? 0 : Number.parseInt(read, 10),
    status: line('status') === undefined ? null : Number(line('status')),
    times: Number(line('times') ?? 1),
    atOnce: Number(line('at once') ?? 1),
  }
}

/** Builds what one deploy of it hands to the platform. */
export async function uploadOf({ name, file, bundleBytes }: Attack): Promise<Upload> {
  const { upload } = await buildApp({ path: file, bundleBytesMax: OPTIONS.bundleBytesMax.default })
  const [main, ...others] = upload.modules
  const comment = Buffer.from(commentOf(bundleBytes - main!.content.byteLength))
  const content = Buffer.concat([main!.content, comment])
  return { ...upload, name, modules: [{ ...main!, content }, ...others] }
}

/** About so many bytes, if that is more than none, of characters that take V8 two bytes each. */
export function commentOf(bytes: number): string {
  return bytes > 0 ? `\n//${'あ'.repeat(bytes / 3)}` : ''
}

export interface AttackAnswer {
  /** As it stands in the log. */
  requestId: string
  /** 0 if there was none. */
  status: number
  /** Until the response was complete, or the connection had gone. */
  ms: number
  /** Of the response's body, as far as it was read. */
  bytes: number
}

export interface SendOptions {
  port: number
  /** How long a client that never reads stays. */
  neverMs: number
}

let sent = 0

/** Sends all requests of the attack. Never rejects. */
export async function sendAttack(attack: Attack, options: SendOptions): Promise<AttackAnswer[]> {
  const answers: AttackAnswer[] = []
  for (let round = 0; round < attack.times; round++) {
    answers.push(...(await Promise.all(Array.from({ length: attack.atOnce }, () => send(attack, options)))))
  }
  return answers
}

function send(attack: Attack, { port, neverMs }: SendOptions): Promise<AttackAnswer> {
  const { name, method, bodyBytes, readMs } = attack
  const requestId = `attack-${name}-${++sent}`
  const headers = { host: `${name}.localhost`, 'x-request-id': requestId }
  const began = performance.now()
  const outgoing = request({ host: '127.0.0.1', port, method, headers, agent: false })
  return new Promise(resolve => {
    let status = 0
    let bytes = 0
    outgoing.on('error', () => {})
    outgoing.on('close', () => resolve({ requestId, status, ms: performance.now() - began, bytes }))
    outgoing.on('response', response => {
      status = response.statusCode!
      response.on('error', () => {})
      if (readMs > 0)
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
        })
      if (readMs !== Infinity) setTimeout(() => outgoing.destroy(), readMs === 0 ? neverMs : readMs)
    })
    outgoing.end(bodyBytes > 0 ? Buffer.alloc(bodyBytes, 'x') : undefined)
  })
}

/** What is wrong with the outcomes of an attack's requests; null if nothing is. */
export function judge({ expect, times }: Attack, outcomes: readonly string[]): string | null {
  // An attack of several rounds may need some of them to get there.
  const wrong = outcomes.find(outcome => !expect.includes(outcome) && !(times > 1 && outcome === 'ok'))
  if (wrong !== undefined) return `it ended as ${wrong}, which is none of ${expect.join(', ')}`
  if (!outcomes.some(outcome => expect.includes(outcome))) return `it never ended as ${expect.join(' or ')}`
  return null
}
