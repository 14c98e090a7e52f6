/** Something that answers HTTP requests on loopback and can be measured. */
import type { ServerProcess } from './server-process.ts'

export interface Target {
  readonly process: ServerProcess
  readonly port: number
  /** The Host header that leads to the app. */
  readonly host: string
}
