/** Request heads that wait for the next flush: those bound for one instance leave in one frame. */
import type { FrameWriter } from './frame-writer.ts'
import { FRAME, HAS_BODY, PAYLOAD_BYTES_MAX } from './protocol.ts'

/** Heads in one frame; a single one is far shorter (`requestHeaderBytesMax`). */
const HEADS_CHARS_MAX = PAYLOAD_BYTES_MAX / 2

export class HeadBatches {
  readonly #writer: FrameWriter
  readonly #batches = new Map<number, { ids: number[]; heads: string }>()

  constructor(writer: FrameWriter) {
    this.#writer = writer
  }

  add(instance: number, stream: number, { head, hasBody }: { head: string; hasBody: boolean }): void {
    const id = hasBody ? (stream | HAS_BODY) >>> 0 : stream
    const batch = this.#batches.get(instance)
    if (batch && batch.heads.length + head.length < HEADS_CHARS_MAX) {
      batch.ids.push(id)
      batch.heads += `\0${head}`
    } else {
      if (batch) this.flush()
      this.#batches.set(instance, { ids: [id], heads: head })
    }
    this.#writer.schedule()
  }

  /** Writes what waits. To be called before anything else is written of a stream. */
  flush(): void {
    if (this.#batches.size === 0) return
    for (const [instance, { ids, heads }] of this.#batches) {
      const payload = this.#writer.frame(FRAME.requests, 0, instance, 2 + 4 * ids.length + heads.length)
      payload.writeUInt16LE(ids.length, 0)
      for (let i = 0; i < ids.length; i++) payload.writeUInt32LE(ids[i]!, 2 + 4 * i)
      payload.latin1Write(heads, 2 + 4 * ids.length)
    }
    this.#batches.clear()
  }

  /** Drops what waits, for one instance or for all, and tells the streams: their heads never left. */
  drop(instance?: number): Set<number> {
    const streams = new Set<number>()
    for (const [bound, { ids }] of this.#batches) {
      if (instance !== undefined && bound !== instance) continue
      for (const id of ids) streams.add((id & ~HAS_BODY) >>> 0)
      this.#batches.delete(bound)
    }
    return streams
  }
}
