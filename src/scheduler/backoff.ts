/** How long to wait after failures in a row: `firstMs`, then twice as long each time, at most `maxMs`. */
export function backoffMs(failures: number, { firstMs, maxMs }: { firstMs: number; maxMs: number }): number {
  return failures <= 0 ? 0 : Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30))
}
