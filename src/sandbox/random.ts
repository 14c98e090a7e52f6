/**
 * Random bytes inside the isolate: ChaCha20 with fast key erasure (D. J. Bernstein, "Fast-key-erasure
 * random-number generators", 2017; the block function as in RFC 8439, section 2.3), seeded by the host with
 * entropy of its own for each instance. `crypto.getRandomValues` is synchronous, and no host function can be
 * called from here.
 */
import { typedArrayFill } from './primordials.ts'

const ROUNDS = 20
const BLOCKS = 16
const KEY_WORDS = 8

const key = new Uint32Array(KEY_WORDS)
const state = new Uint32Array(16)
const block = new Uint32Array(16)
const pool = new Uint8Array(BLOCKS * 64)
let unused = 0

/** `seed`: 64 hex digits. */
export function seedRandom(seed: string): void {
  for (let i = 0; i < KEY_WORDS; i++) key[i] = Number(`0x${seed.slice(i * 8, i * 8 + 8)}`)
  unused = 0
}

/** Fills `length` bytes of `target` from `offset`. */
export function randomBytes(target: Uint8Array, offset: number, length: number): void {
  for (let i = 0; i < length; i++) {
    if (unused === 0) refill()
    const from = pool.length - unused--
    target[offset + i] = pool[from]!
    pool[from] = 0
  }
}

/** Makes a pool of bytes of which the first are the next key, so that what was given out cannot be computed again. */
function refill(): void {
  for (let counter = 0; counter < BLOCKS; counter++) {
    chachaBlock(counter)
    for (let word = 0; word < 16; word++) {
      const value = block[word]!
      const to = counter * 64 + word * 4
      pool[to] = value
      pool[to + 1] = value >>> 8
      pool[to + 2] = value >>> 16
      pool[to + 3] = value >>> 24
    }
  }
  for (let i = 0; i < KEY_WORDS; i++) {
    key[i] = pool[4 * i]! | (pool[4 * i + 1]! << 8) | (pool[4 * i + 2]! << 16) | (pool[4 * i + 3]! << 24)
  }
  typedArrayFill(pool as never, 0 as never, 0 as never, (4 * KEY_WORDS) as never)
  unused = pool.length - 4 * KEY_WORDS
}

function chachaBlock(counter: number): void {
  state[0] = 0x61707865
  state[1] = 0x3320646e
  state[2] = 0x79622d32
  state[3] = 0x6b206574
  for (let i = 0; i < KEY_WORDS; i++) state[4 + i] = key[i]!
  state[12] = counter
  state[13] = 0
  state[14] = 0
  state[15] = 0
  for (let i = 0; i < 16; i++) block[i] = state[i]!
  for (let round = 0; round < ROUNDS; round += 2) {
    quarter(0, 4, 8, 12)
    quarter(1, 5, 9, 13)
    quarter(2, 6, 10, 14)
    quarter(3, 7, 11, 15)
    quarter(0, 5, 10, 15)
    quarter(1, 6, 11, 12)
    quarter(2, 7, 8, 13)
    quarter(3, 4, 9, 14)
  }
  for (let i = 0; i < 16; i++) block[i] = block[i]! + state[i]!
}

function quarter(a: number, b: number, c: number, d: number): void {
  block[a] = block[a]! + block[b]!
  block[d] = rotate(block[d]! ^ block[a]!, 16)
  block[c] = block[c]! + block[d]!
  block[b] = rotate(block[b]! ^ block[c]!, 12)
  block[a] = block[a]! + block[b]!
  block[d] = rotate(block[d]! ^ block[a]!, 8)
  block[c] = block[c]! + block[d]!
  block[b] = rotate(block[b]! ^ block[c]!, 7)
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by))
}
