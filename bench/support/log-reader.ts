/**
 * Records of a server's log, each line read once: a log that grows by thousands of lines a second costs its reader
 * as much as they are long, however often it looks.
 */
import { closeSync, fstatSync, openSync, readSync, truncateSync } from 'node:fs'

export type LogRecord = Record<string, unknown>

const LINE_END = 0x0a

export class LogReader {
  readonly #file: string
  readonly #isWanted: (line: string) => boolean
  #records: LogRecord[] = []
  #position = 0
  /** The beginning of a line whose end is not written yet. */
  #rest = Buffer.alloc(0)

  /** Keeps the lines that are wanted, from what is written from now on or was before. */
  constructor(file: string, isWanted: (line: string) => boolean) {
    this.#file = file
    this.#isWanted = isWanted
  }

  /** What has been written so far, since it was last emptied. */
  records(): readonly LogRecord[] {
    const text = Buffer.concat([this.#rest, this.#readOn()])
    const end = text.lastIndexOf(LINE_END) + 1
    this.#rest = text.subarray(end)
    for (const line of text.toString('utf8', 0, end).split('\n')) {
      if (line.startsWith('{') && line.endsWith('}') && this.#isWanted(line)) {
        this.#records.push(JSON.parse(line))
      }
    }
    return this.#records
  }

  /** Empties the file, and forgets what was read. */
  empty(): void {
    truncateSync(this.#file)
    this.#records = []
    this.#position = 0
    this.#rest = Buffer.alloc(0)
  }

  #readOn(): Buffer {
    const fd = openSync(this.#file, 'r')
    try {
      const { size } = fstatSync(fd)
      const bytes = Buffer.alloc(size - this.#position)
      const count = readSync(fd, bytes, 0, bytes.length, this.#position)
      this.#position += count
      return bytes.subarray(0, count)
    } finally {
      closeSync(fd)
    }
  }
}
