/**
 * Properties that must hold for all inputs, tried on random ones. The same inputs at each run, so that a failure is
 * there again: for others, and more of them, set FUZZ_SEED and FUZZ_FACTOR.
 *
 * A failure names a shrunk counterexample: fix what it shows and add it to regressions.ts.
 */
import fc from 'fast-check'

const SEED = Number(process.env.FUZZ_SEED ?? 20_260_131)
const FACTOR = Number(process.env.FUZZ_FACTOR ?? 1)

export interface Trials<T> {
  /** How many random inputs are tried by default. */
  runs: number
  /** Inputs that are always tried: what was wrong once. */
  examples?: T[]
}

export async function holds<T>(
  inputs: fc.Arbitrary<T>,
  { runs, examples = [] }: Trials<T>,
  check: (input: T) => void | Promise<void>,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(inputs, async input => check(input)),
    {
      seed: SEED,
      numRuns: Math.ceil(runs * FACTOR) + examples.length,
      examples: examples.map(example => [example]),
      endOnFailure: false,
    },
  )
}

/** Bytes that are mostly of a few kinds, so that structures come about. */
export function bytes(lengthMax: number, likely: readonly number[] = [0, 1, 255]): fc.Arbitrary<Buffer> {
  const byte = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...likely) },
    fc.integer({ min: 0, max: 255 }),
  )
  return fc
    .oneof(fc.array(byte, { maxLength: lengthMax }), fc.uint8Array({ maxLength: lengthMax }))
    .map(list => Buffer.from(list))
}

/** Texts put together from pieces that mean something to the reader at hand, and from others. */
export function textOf(pieces: readonly string[], lengthMax: number): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...pieces) },
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.string({ maxLength: 8 }),
  )
  return fc.array(piece, { maxLength: lengthMax }).map(list => list.join(''))
}

/** Any JSON value, and those that JavaScript makes traps of. */
export const anyJson: fc.Arbitrary<unknown> = fc.letrec(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e300, '', '__proto__', 'ok', 'log', {}, []),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(
        fc.tuple(
          fc.oneof(fc.constantFrom('toString', 'length', 'constructor', '__proto__'), fc.string()),
          tie('value'),
        ),
        {
          maxLength: 4,
        },
      )
      .map(entries => Object.fromEntries(entries)),
  ),
})).value
