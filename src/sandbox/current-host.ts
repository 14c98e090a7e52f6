/**
 * The host that the Web APIs ask, set by the kernel before guest code runs.
 */
import type { Host } from './host.ts'

export let host: Host

export function setHost(implementation: Host): void {
  host = implementation
}
