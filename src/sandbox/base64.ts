/**
 * atob and btoa. The language's own base64 decoder follows the forgiving rules that atob needs.
 */
import { DOMException } from './dom-exception.ts'
import { latin1Decode, latin1Encode } from './latin1.ts'
import { uint8ArrayFromBase64, uint8ArrayToBase64 } from './primordials.ts'
import { domString, requireArguments } from './webidl.ts'

export function atob(data: string): string {
  const context = "Failed to execute 'atob'"
  requireArguments(arguments.length, 1, context)
  const text = domString(data)
  let bytes: Uint8Array
  try {
    bytes = uint8ArrayFromBase64(text)
  } catch {
    throw new DOMException(
      `${context}: The string to be decoded is not correctly encoded.`,
      'InvalidCharacterError',
    )
  }
  return latin1Decode(bytes)
}

export function btoa(data: string): string {
  const context = "Failed to execute 'btoa'"
  requireArguments(arguments.length, 1, context)
  const bytes = latin1Encode(domString(data))
  if (bytes === undefined) {
    throw new DOMException(
      `${context}: The string to be encoded contains characters outside of the Latin1 range.`,
      'InvalidCharacterError',
    )
  }
  return uint8ArrayToBase64(bytes)
}
