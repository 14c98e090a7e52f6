/**
 * The beginning of a text as a text of its own. What slice() gives refers to all of the other (V8's sliced strings), which
 * then lives as long as anybody remembers 500 characters of it.
 */

/** The first `charsMax` UTF-16 units of the text; all of it if it is no longer. */
export function firstChars(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  return Buffer.from(text.slice(0, charsMax), 'utf16le').toString('utf16le')
}
