/** HTML rewriting: selectors, and the stream of a rewritten document. */
import { codecFor } from '../html/codec.ts'
import { defineHtmlInterfaces, type HtmlInterfaces } from '../html/interfaces.ts'
import { Output } from '../html/output.ts'
import { type Handlers, Rewriter } from '../html/rewriter.ts'
import type { HtmlTools } from '../html-rewriter.ts'
import type { ReadableByteStreamController, ReadableStream } from '../streams.ts'

export { parseSelectors } from '../html/selectors.ts'
export * from '../html-rewriter.ts'

let interfaces: HtmlInterfaces | undefined

/**
 * The document as handlers rewrite it, read from `input` as fast as it is read itself. It errors with what `input`
 * errors with, what a handler throws, or a TypeError for an encoding that cannot be read.
 */
export function rewriteStream(
  input: ReadableStream,
  { handlers, encoding, tools }: { handlers: Handlers; encoding: string; tools: HtmlTools },
): ReadableStream {
  interfaces ??= defineHtmlInterfaces(tools)
  const codec = codecFor(encoding, tools)
  const source = tools.readBytes(input)
  let controller!: ReadableByteStreamController
  let wanted = () => {}
  let hasStarted = false

  const output = new Output(codec, tools, bytes => {
    const { promise, resolve } = Promise.withResolvers<void>()
    wanted = resolve
    tools.enqueueBytes(controller, bytes)
    return promise
  })
  const rewriter = new Rewriter({ handlers, codec, output, interfaces, tools })

  async function run(): Promise<void> {
    try {
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
        await rewriter.push(chunk)
        await output.flush()
      }
      await rewriter.end()
      await output.flush()
      tools.closeBytes(controller)
    } catch (error) {
      source.cancel(error)
      tools.errorBytes(controller, error)
    }
  }

  return new tools.ReadableStream({
    type: 'bytes',
    start(given: ReadableByteStreamController) {
      controller = given
    },
    pull() {
      wanted()
      if (hasStarted) return
      hasStarted = true
      void run()
    },
    cancel: (reason: unknown) => source.cancel(reason),
  })
}
