/** A function of short texts that clients send again and again, with what it made of each. */

/** Texts remembered; one more, and all are forgotten. */
const TEXTS_MAX = 1000
/** A longer one is nobody's habit, and would be memory for a client to fill. */
const CHARS_MAX = 64

/** `make`, called once for a text that is short and known. */
export function remembered(make: (text: string) => string): (text: string) => string {
  const made = new Map<string, string>()
  return text => {
    const known = made.get(text)
    if (known !== undefined) return known
    const result = make(text)
    if (text.length > CHARS_MAX) return result
    if (made.size >= TEXTS_MAX) made.clear()
    made.set(text, result)
    return result
  }
}
