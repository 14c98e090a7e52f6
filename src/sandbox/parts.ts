/**
 * Parts: code that not every app needs, evaluated when it is first used.
 *
 * Their texts lie in memory that all isolates of a runtime share; each is a script in latin1 whose value is a function
 * of the main script's links that returns the exports of one file in `parts/` (src/runtime/prelude-bundle.ts). Guests
 * reach neither the memory nor the function that evaluates.
 */
import { latin1Decode } from './latin1.ts'
import { objectCreate } from './primordials.ts'

/** Where a part's text lies: offset and length in bytes. */
export type PartIndex = Record<string, readonly [offset: number, length: number]>

/** The global eval, called by a name that is not `eval`: what it evaluates sees global scope only. */
// biome-ignore lint/security/noGlobalEval: only texts of ours are evaluated, captured before guest code runs
const evaluate = globalThis.eval

let texts: Uint8Array
let links: readonly unknown[] = []
let places: PartIndex
const loaded: Record<string, unknown> = objectCreate(null)

/** Called by the kernel before guest code runs. */
export function installParts(memory: SharedArrayBuffer, index: PartIndex): void {
  texts = new Uint8Array(memory)
  places = index
}

/** What parts import of the main script. Called at its end. */
export function linkParts(values: readonly unknown[]): void {
  links = values
}

/** The exports of `parts/<name>.ts`. */
export function loadPart<Exports>(name: string): Exports {
  loaded[name] ??= (evaluate(partText(name)) as (links: readonly unknown[]) => unknown)(links)
  return loaded[name] as Exports
}

function partText(name: string): string {
  const place = places[name]!
  return latin1Decode(texts, place[0], place[0] + place[1])
}
