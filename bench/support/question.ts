/** What the suite asks, and how an answer looks. One question per file in bench/. */

export interface Question {
  /** As it is named on the command line. */
  readonly name: string
  readonly title: string
  ask(options: AskOptions): Promise<Answer>
}

export interface AskOptions {
  /** How often each side is measured, in turn. */
  repeats: number
  /** Of load, for each measurement. */
  seconds: number
}

export interface Answer {
  goals?: Goal[]
  tables?: Table[]
  /** What a program wrote, as it stands. */
  output?: string
  /** How it was measured, as far as the tables do not say. */
  notes?: string[]
}

export interface Goal {
  what: string
  goal: string
  measured: string
  met: boolean
}

export interface Table {
  title?: string
  columns: string[]
  rows: string[][]
}
