/**
 * More than any isolate may have. isolated-vm, asked for it, has V8 collect all garbage and give pages back before it
 * refuses: the one way to that from JavaScript which does not put a function among the globals.
 */
const REFUSED_BYTES = 2 ** 36

/** Collects all garbage there is, and gives free pages back to the system. */
export function collectGarbage(): void {
  try {
    new ArrayBuffer(REFUSED_BYTES)
  } catch {}
}
