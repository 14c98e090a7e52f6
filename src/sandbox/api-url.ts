/**
 * URLs as requests and redirects name them. They are absolute, unless an app has put a `location` among its globals:
 * then its `href` is the base of relative ones.
 */
import { parseUrl } from './url-parser.ts'
import type { UrlRecord } from './url-record.ts'

export function parseApiUrl(text: string): UrlRecord | null {
  const absolute = parseUrl(text)
  if (absolute !== null) return absolute
  const base = baseUrl()
  return base && parseUrl(text, base)
}

function baseUrl(): UrlRecord | null {
  const { location } = globalThis as { location?: { href?: unknown } }
  const href = location?.href
  return typeof href === 'string' ? parseUrl(href) : null
}
