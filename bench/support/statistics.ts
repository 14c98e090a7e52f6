/** Medians, percentiles, and ratios of measurements that were taken in pairs. */

export interface Spread {
  median: number
  min: number
  max: number
}

/** Of at least one number; between two, the mean of them. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The least of the numbers that `share` (0 to 1) of them do not exceed. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

export function spread(numbers: readonly number[]): Spread {
  return { median: median(numbers), min: Math.min(...numbers), max: Math.max(...numbers) }
}

/** The ratio of each pair: what drifts between two pairs does not show in it. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): Spread {
  return spread(numerators.map((numerator, index) => numerator / denominators[index]!))
}

/** `12.3 (11.9–14.0)` */
export function shown({ median, min, max }: Spread, digits: number): string {
  return `${fixed(median, digits)} (${fixed(min, digits)}–${fixed(max, digits)})`
}

/** With a comma between thousands. */
export function fixed(number: number, digits: number): string {
  return number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/**
 * Measures every side once in each of `repeats` rounds, so that all of them meet the same machine. Rounds take
 * turns in who comes first.
 */
export async function alternate<Side extends string, Measured>(
  sides: readonly Side[],
  repeats: number,
  measure: (side: Side) => Promise<Measured>,
): Promise<Record<Side, Measured[]>> {
  const measured = Object.fromEntries(sides.map(side => [side, [] as Measured[]])) as Record<Side, Measured[]>
  for (let round = 0; round < repeats; round++) {
    const order = round % 2 === 0 ? sides : sides.toReversed()
    for (const side of order) measured[side].push(await measure(side))
  }
  return measured
}
