/** Subresource Integrity: whether a fetched body is the one that its requester expects. */
import { host } from './current-host.ts'
import {
  regExpExec,
  stringCharCodeAt,
  stringIndexOf,
  stringSlice,
  stringToLowerCase,
  uint8ArrayToBase64,
} from './primordials.ts'

/** From the weakest to the strongest: only the strongest that is named counts. */
const ALGORITHMS = ['SHA-256', 'SHA-384', 'SHA-512'] as const
const NAMES = ['sha256', 'sha384', 'sha512']

const ITEM = /^([a-z0-9]+)-([A-Za-z0-9+/_-]+={0,2})(?:\?.*)?$/

/** The expected digests in base64, each in spaces, of the strongest algorithm; null if nothing is expected. */
function parseIntegrity(text: string): { algorithm: (typeof ALGORITHMS)[number]; digests: string } | null {
  let strongest = -1
  let digests = ''
  let from = 0
  while (from < text.length) {
    let to = from
    while (to < text.length && stringCharCodeAt(text, to) > 0x20) to++
    const item = regExpExec(ITEM, stringSlice(text, from, to))
    from = to + 1
    if (item === null) continue
    const name = stringToLowerCase(item[1]!)
    const strength = name === NAMES[0] ? 0 : name === NAMES[1] ? 1 : name === NAMES[2] ? 2 : -1
    if (strength < strongest || strength < 0) continue
    if (strength > strongest) digests = ' '
    strongest = strength
    digests += `${plainBase64(item[2]!)} `
  }
  return strongest < 0 ? null : { algorithm: ALGORITHMS[strongest]!, digests }
}

/** The URL-safe alphabet as the usual one, and without padding. */
function plainBase64(text: string): string {
  let plain = ''
  for (let i = 0; i < text.length && text[i] !== '='; i++) {
    plain += text[i] === '-' ? '+' : text[i] === '_' ? '/' : text[i]
  }
  return plain
}

/** Whether a request's `integrity` asks for anything. */
export function expectsIntegrity(integrity: string): boolean {
  return integrity !== '' && parseIntegrity(integrity) !== null
}

export async function matchesIntegrity(integrity: string, bytes: Uint8Array): Promise<boolean> {
  const expected = parseIntegrity(integrity)
  if (expected === null) return true
  const digest = new Uint8Array(await host.digest(expected.algorithm, bytes))
  return stringIndexOf(expected.digests, ` ${plainBase64(uint8ArrayToBase64(digest))} `) >= 0
}
