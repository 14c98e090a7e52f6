// Node's direct readers and writers of one encoding: public in practice and stable for years, but not in its
// type declarations. They skip the look-up of the encoding's name on every call of toString and write.
declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string
    utf8Slice(start: number, end: number): string
    latin1Write(text: string, offset?: number, length?: number): number
    utf8Write(text: string, offset?: number, length?: number): number
  }
}

export {}
