/** Reads the heads of responses, the one that came last only once: an app mostly answers with the same. */
export class RepeatedHead {
  #text = ''
  #headers: readonly string[] = []

  /** Of `name\nvalue\n…`: name, value, …; not to be changed. The same array for the same text again. */
  read(text: string): readonly string[] {
    if (text !== this.#text) {
      this.#text = text
      this.#headers = text === '' ? [] : text.split('\n')
    }
    return this.#headers
  }
}
