/**
 * An app that calls whatever its sandbox has with whatever comes to hand: `?seed=N&calls=N`. The same seed makes the
 * same calls in an isolate that has had none before.
 */

interface Callable {
  owner: object | null
  call: (...args: unknown[]) => unknown
  isConstructor: boolean
}

/** What would end the trial rather than be part of it. */
const LEFT_OUT = new Set<PropertyKey>(['clearTimeout', 'clearInterval'])
const DEPTH_MAX = 4
const ARGUMENTS_MAX = 5
const KEPT_MAX = 200
/** How long a promise is waited for. */
const PATIENCE_MS = 5

/** All functions and accessors that can be reached from the global object. */
function reachable(): Callable[] {
  const found: Callable[] = []
  const seen = new Set<object>()
  const visit = (value: unknown, owner: object | null, depth: number) => {
    if (!isObject(value) || seen.has(value) || depth > DEPTH_MAX) return
    seen.add(value)
    if (typeof value === 'function')
      found.push({ owner, call: value as Callable['call'], isConstructor: 'prototype' in value })
    for (const key of Reflect.ownKeys(value)) {
      const property = LEFT_OUT.has(key) ? undefined : Reflect.getOwnPropertyDescriptor(value, key)
      if (!property) continue
      for (const call of [property.get, property.set])
        if (call) found.push({ owner: value, call, isConstructor: false })
      if ('value' in property) visit(property.value, value, depth + 1)
    }
  }
  visit(globalThis, null, 0)
  return found
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** Xorshift32 (Marsaglia, 2003): integers below `bound`. */
function generator(seed: number): (bound: number) => number {
  let state = (seed >>> 0) * 2 + 1
  return bound => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

class Trial {
  readonly #below: (bound: number) => number
  readonly #request: Request
  /** What calls have returned. */
  readonly #kept: object[] = []
  readonly #values: (() => unknown)[] = [
    () => undefined,
    () => null,
    () => -1,
    () => 2 ** 53,
    () => Number.NaN,
    () => '',
    () => 'x'.repeat(this.#below(5000)),
    () => '\ud800',
    () => 'http://a.test/?a=1#b',
    () => 'POST',
    () => Symbol('any'),
    () => 10n ** 20n,
    () => this.#below(1000),
    () => new Uint8Array(this.#below(4096)),
    () => new ArrayBuffer(this.#below(4096)),
    () => new SharedArrayBuffer(64),
    () => detached(),
    () => new Map([[1, 2]]),
    () => [this.#trap(), 1, 'a'],
    () => this.#trap(),
    () => ({ toString: fails }),
    () => thenable(),
    () => Promise.reject(new Error('as asked')),
    () => () => this.#any(),
    () => ({ name: 'SHA-256', length: 128, hash: 'SHA-1', public: true }),
    () => ['sign', 'encrypt', 'deriveBits'],
    () => ({
      type: 'bytes',
      start: (it: object) => this.#keep(it),
      pull: (it: Enqueues) => it.enqueue(this.#any()),
    }),
    () => globalThis,
    () => this.#request,
    ...Array(6).fill(() => this.#kept[this.#below(this.#kept.length || 1)]),
  ]

  constructor(seed: number, request: Request) {
    this.#below = generator(seed)
    this.#request = request
  }

  async step(callables: readonly Callable[]): Promise<void> {
    const { owner, call, isConstructor } = callables[this.#below(callables.length)]!
    const args = Array.from({ length: this.#below(ARGUMENTS_MAX) }, () => this.#any())
    const self = [owner, this.#any(), this.#kept[this.#below(this.#kept.length || 1)]][this.#below(3)]
    try {
      const isMade = isConstructor && this.#below(2) === 0
      const result = isMade ? Reflect.construct(call, args) : Reflect.apply(call, self, args)
      const isPromise = isObject(result) && typeof (result as { then?: unknown }).then === 'function'
      this.#keep(isPromise ? await soon(result) : result)
    } catch (error) {
      describe(error)
    }
  }

  #any(): unknown {
    return this.#values[this.#below(this.#values.length)]!()
  }

  #keep(value: unknown): void {
    if (isObject(value) && this.#kept.length < KEPT_MAX) this.#kept.push(value)
  }

  /** An object whose every property is something else each time, or throws. */
  #trap(): object {
    return new Proxy(
      {},
      {
        get: () => (this.#below(3) === 0 ? fails() : this.#any()),
        has: () => this.#below(2) === 0,
        ownKeys: () => ['a', 'b'],
        getOwnPropertyDescriptor: () => ({ value: 1, configurable: true, enumerable: true }),
      },
    )
  }
}

interface Enqueues {
  enqueue(value: unknown): void
}

function fails(): never {
  throw new TypeError('as asked')
}

function thenable(): object {
  // biome-ignore lint/suspicious/noThenProperty: what takes promises has to bear with these
  return { then: (settle: (value: number) => void) => settle(1) }
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(16)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}

function soon(promise: unknown): Promise<unknown> {
  const late = new Promise(resolve => setTimeout(resolve, PATIENCE_MS))
  return Promise.race([Promise.resolve(promise).catch(describe), late])
}

/** Reads what was thrown, as a host would. */
function describe(error: unknown): void {
  try {
    String((error as Error)?.stack)
  } catch {
    // What was thrown may be anything.
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url)
    const trial = new Trial(Number(searchParams.get('seed')), request)
    const callables = reachable()
    for (let calls = Number(searchParams.get('calls')); calls > 0; calls--) await trial.step(callables)
    return new Response(String(callables.length))
  },
}
