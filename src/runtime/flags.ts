/**
 * V8's flags for a runtime process, whose isolates inherit them.
 *
 * - `--no-node-snapshot`: isolated-vm needs it.
 * - `--wasm-max-mem-pages`: no single WebAssembly memory above 128 MiB (64 KiB a page); it lies outside of an
 *   isolate's memory limit, so the supervisor's RSS ceiling bounds the sum.
 */
export const RUNTIME_FLAGS = ['--no-node-snapshot', '--wasm-max-mem-pages=2048'] as const
