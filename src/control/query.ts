/** Reads parameters of the query. */
import { VitrineError } from '../errors.ts'

/** Throws `REQUEST_INVALID` naming the parameter. */
export function positiveInteger(
  name: string,
  text: string | undefined,
  { fallback, max }: { fallback: number; max: number },
): number {
  if (text === undefined) return fallback
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= max) return value
  throw new VitrineError('REQUEST_INVALID', `${name} must be a whole number from 1 to ${max}`)
}

/** Throws `REQUEST_INVALID` if it is missing, empty or given twice. */
export function text(name: string, value: unknown, example: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new VitrineError('REQUEST_INVALID', `${name} is missing: give it like ${example}`)
}

/** Throws `REQUEST_INVALID` if it is given twice. */
export function optionalText(name: string, value: unknown): string {
  if (value === undefined || typeof value === 'string') return value ?? ''
  throw new VitrineError('REQUEST_INVALID', `${name} is given twice: give it once`)
}
