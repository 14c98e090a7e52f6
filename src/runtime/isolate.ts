/**
 * One V8 isolate with the sandbox in it: the only file that knows isolated-vm.
 *
 * Guest code runs on isolated-vm's threads, never on this one, and nothing of the host is reachable from it: what
 * passes are strings, copies of bytes and two pieces of shared memory (sandbox/wire.ts). Once a promise here has
 * rejected, the isolate is good for nothing.
 */
import { randomBytes } from 'node:crypto'
import ivm from 'isolated-vm'
import { externalTextRead } from '../body-memory.ts'
import type { BundleModule } from '../bundle.ts'
import { firstChars } from '../first-chars.ts'
import { DEFERRED, namedParts } from '../sandbox/deferred.ts'
import { CONTROL_BYTES, type KernelStart, OUTBOX_BYTES } from '../sandbox/wire.ts'
import type { InstanceSpec } from './messages.ts'
import { compileApp } from './modules.ts'
import type { Prelude } from './prelude.ts'
import { BODY_WINDOW } from './protocol.ts'
import { rehearsedCodeCache } from './rehearsal.ts'

/** As stacks name the sandbox's frames. */
export const SANDBOX_NAME = 'vitrine:sandbox'

/** What every isolate of a process shares: the sandbox's script with V8's code cache, and its parts. */
export class SharedPrelude {
  readonly #main: string
  readonly parts: SharedArrayBuffer
  readonly partsIndex: string
  readonly #codeCache: ivm.ExternalCopy<ArrayBuffer>

  constructor(prelude: Prelude) {
    this.#main = prelude.main
    this.#codeCache = new ivm.ExternalCopy(rehearsedCodeCache(prelude.main, SANDBOX_NAME))
    const index: Record<string, [number, number]> = {}
    let size = 0
    for (const [name, text] of Object.entries(prelude.parts)) {
      index[name] = [size, text.length]
      size += text.length
    }
    this.parts = new SharedArrayBuffer(size)
    const bytes = Buffer.from(this.parts)
    for (const [name, text] of Object.entries(prelude.parts))
      bytes.latin1Write(text, index[name]![0], text.length)
    this.partsIndex = JSON.stringify(index)
  }

  /** Runs the sandbox's script in a context; its value is the kernel's interface. */
  async run(isolate: ivm.Isolate, context: ivm.Context): Promise<ivm.Reference<Record<string, unknown>>> {
    const script = await isolate.compileScript(this.#main, {
      filename: SANDBOX_NAME,
      cachedData: this.#codeCache,
    })
    const kernel = await script.run(context, { reference: true })
    script.release()
    return kernel as ivm.Reference<Record<string, unknown>>
  }
}

type KernelFunction = ivm.Reference<(...args: Transferable[]) => unknown>
type Kernel = Record<(typeof KERNEL_FUNCTIONS)[number], KernelFunction>
/** What isolated-vm takes as an argument; made by `share` and `transfer`. */
export type Transferable = ivm.Transferable

/**
 * Cut from errors' stacks: all that lies on the host's side. A stack is a tenant's text: no part of an expression
 * may cross lines, or many lines would take their number squared.
 */
const SANDBOX_FRAMES = /\n[ \t]+at [^\n]*\bvitrine:sandbox(?::\d+)*\)?/g
const BOUNDARY = /\n[ \t]+at (?:async )?\(<isolated-vm boundary>\)[\s\S]*$/

/** Isolates that end on other threads at a time: isolated-vm starts a thread for each that finds none free. */
const DISPOSALS_MAX = 8

export class Isolate {
  static #disposals = 0
  readonly #isolate: ivm.Isolate
  readonly #context: ivm.Context
  readonly #kernel: Kernel
  readonly control: SharedArrayBuffer
  readonly outbox: SharedArrayBuffer
  readonly memoryMb: number
  /** Called when V8 reports that the isolate can no longer be controlled. */
  onCatastrophe: (message: string) => void = () => {}

  private constructor(
    isolate: ivm.Isolate,
    context: ivm.Context,
    kernel: Kernel,
    { control, outbox, memoryMb }: Pick<Isolate, 'control' | 'outbox' | 'memoryMb'>,
  ) {
    this.#isolate = isolate
    this.#context = context
    this.#kernel = kernel
    this.control = control
    this.outbox = outbox
    this.memoryMb = memoryMb
  }

  /** Makes an isolate with the sandbox loaded and no app. */
  static async create(prelude: SharedPrelude, memoryMb: number): Promise<Isolate> {
    let made: Isolate | null = null
    const isolate = new ivm.Isolate({
      memoryLimit: memoryMb,
      onCatastrophicError: message => made?.onCatastrophe(message),
    })
    const context = await isolate.createContext()
    const exported = await prelude.run(isolate, context)
    const kernel: Record<string, KernelFunction> = {}
    for (const name of KERNEL_FUNCTIONS) {
      kernel[name] = exported.getSync(name, { reference: true }) as KernelFunction
    }
    exported.release()
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    const outbox = new SharedArrayBuffer(OUTBOX_BYTES)
    const memory = [control, outbox, prelude.parts].map(share)
    kernel.equip!.applySync(undefined, [...memory, prelude.partsIndex, randomBytes(32).toString('hex')])
    made = new Isolate(isolate, context, kernel as Kernel, { control, outbox, memoryMb })
    return made
  }

  /** Compiles the app's modules. Rejects with the app's own syntax error, or one about an import. */
  async compile(spec: InstanceSpec, modules: BundleModule[]): Promise<CompiledApp> {
    const start: KernelStart = {
      limits: { ...spec.limits, bodyWindow: BODY_WINDOW },
      vars: spec.vars,
      syntax: spec.syntax,
      parts: partsOf(modules),
    }
    // Here and now, as it is no guest's code and costs less than to wake a thread of the isolate's.
    this.#kernel.open.applySync(undefined, [JSON.stringify(start)])
    return compileApp({
      isolate: this.#isolate,
      context: this.#context,
      expose: (name, value) => this.#kernel.expose.apply(undefined, [name, value]) as Promise<void>,
      register: namespace => this.#kernel.register.apply(undefined, [namespace]) as Promise<string>,
      spec,
      modules,
    })
  }

  /** One call of the pump. Resolves when the isolate has nothing more to do without the host. */
  enter(text: string, extras: Transferable[]): Promise<unknown> {
    return this.#kernel.enter.apply(undefined, [text, ...extras])
  }

  /** Has run what promises have left behind. Resolves as `enter` does: rejected, it has to be called again. */
  settle(): Promise<unknown> {
    return this.#kernel.settle.apply(undefined, [])
  }

  /**
   * The texts that this call's records speak of. Runs no guest code, as long as the last call has not been rejected: it
   * runs on this thread, and what promises have left behind would run with it.
   */
  takeTexts(): string {
    return this.#kernel.takeTexts.applySync(undefined, []) as string
  }

  /** CPU time in nanoseconds, also while the isolate runs; null once it is gone. */
  cpuNs(): bigint | null {
    try {
      return this.#isolate.cpuTime
    } catch {
      return null
    }
  }

  /** Bytes of heap and of external memory. Null while it runs, and once it is gone. */
  heapBytes(): { heapBytes: number; externalBytes: number } | null {
    try {
      const statistics = this.#isolate.getHeapStatisticsSync()
      return { heapBytes: statistics.total_heap_size, externalBytes: statistics.externally_allocated_size }
    } catch {
      return null
    }
  }

  get isDisposed(): boolean {
    return this.#isolate.isDisposed
  }

  /**
   * Ends the isolate. Whichever thread lets go of it last gives its memory back, which takes 0.1 to 0.3 ms a megabyte:
   * one of isolated-vm's, since a task that is to run there holds it until then. Where many end at once, this one.
   */
  dispose(): void {
    if (this.#isolate.isDisposed) return
    if (Isolate.#disposals < DISPOSALS_MAX) {
      Isolate.#disposals++
      const task = this.#isolate.getHeapStatistics()
      task.catch(() => {}).finally(() => Isolate.#disposals--)
    }
    this.#isolate.dispose()
  }
}

/** With more code than this, all parts are loaded: it costs less than to look for their names, and than the code itself. */
const SEARCHED_BYTES_MAX = 512 * 1024

/** The parts that the app's code names. */
function partsOf(modules: readonly BundleModule[]): string[] {
  const code = modules
    .filter(({ type }) => type === 'esm' || type === 'script')
    .map(({ content }) => Buffer.from(content.buffer, content.byteOffset, content.byteLength))
  const size = code.reduce((sum, { length }) => sum + length, 0)
  if (size > SEARCHED_BYTES_MAX) return Object.keys(DEFERRED)
  return namedParts(Buffer.concat(code).toString('latin1'))
}

/** What src/sandbox/main.ts exports. */
const KERNEL_FUNCTIONS = ['equip', 'open', 'expose', 'register', 'enter', 'settle', 'takeTexts'] as const

/** An app that is compiled and not evaluated. */
export interface CompiledApp {
  /** Runs the app's top level and takes its handlers; their names. Rejects with what it threw. */
  evaluate(): Promise<string[]>
}

/** Shared memory, as an argument. */
export function share(memory: SharedArrayBuffer): Transferable {
  return new ivm.ExternalCopy(memory).copyInto({ release: true })
}

/** Bytes handed over as an argument: this side loses them. */
export function transfer(buffer: ArrayBuffer): Transferable {
  return new ivm.ExternalCopy(buffer, { transferOut: true }).copyInto({ release: true, transferIn: true })
}

/** Of what the app threw, the rest is cut off: it has to fit a frame, however JSON escapes it. */
const ERROR_CHARS_MAX = 16_384

/** What the app threw, as text for its developer, without the host's frames. It may have come as megabytes. */
export function guestError(error: unknown): { message: string; stack: string } {
  if (error instanceof Error) externalTextRead(error.message.length + (error.stack?.length ?? 0))
  const thrown = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const message = firstChars(thrown, ERROR_CHARS_MAX)
  const stack =
    error instanceof Error && error.stack
      ? withoutHostFrames(firstChars(error.stack, ERROR_CHARS_MAX))
      : message
  return { message, stack }
}

/** A stack without the frames that are the platform's and tell a developer nothing. */
export function withoutHostFrames(stack: string): string {
  return withoutSandboxFrames(stack.replace(BOUNDARY, ''))
}

/** A text in which there may be a stack, without frames of the sandbox; what follows one in its line stays. */
export function withoutSandboxFrames(text: string): string {
  return text.replace(SANDBOX_FRAMES, '')
}

/** Whether an error says that V8 ended the isolate for its memory. */
export function isMemoryLimit(error: unknown): boolean {
  return error instanceof Error && /memory limit|out of memory|allocation failed/i.test(error.message)
}
