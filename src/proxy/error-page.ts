/** The body of a response that the platform makes itself: JSON, or a small page where the client prefers HTML. */
import type { Outcome } from '../outcome.ts'

export interface ErrorFacts {
  status: number
  outcome: Outcome
  message: string
  requestId: string
  /** Seconds for Retry-After; 0: none. */
  retryAfterSeconds: number
  /** The client's Accept header. */
  accept: string | undefined
}

const MESSAGE_CHARS_MAX = 2000

export function errorResponse(facts: ErrorFacts): { headers: string[]; body: Buffer } {
  const { outcome, requestId, retryAfterSeconds } = facts
  const message = facts.message.slice(0, MESSAGE_CHARS_MAX)
  const html = prefersHtml(facts.accept)
  const text = html ? page({ ...facts, message }) : `${JSON.stringify({ outcome, message, requestId })}\n`
  const body = Buffer.from(text)
  const headers = [
    'content-type',
    html ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8',
    'content-length',
    String(body.byteLength),
    'cache-control',
    'no-store',
    'x-vitrine-outcome',
    outcome,
    'x-request-id',
    requestId,
  ]
  if (html) headers.push('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
  if (retryAfterSeconds > 0) headers.push('retry-after', String(retryAfterSeconds))
  return { headers, body }
}

/** Whether HTML is named and not ranked below JSON. */
export function prefersHtml(accept: string | undefined): boolean {
  if (!accept) return false
  let html = 0
  let json = 0
  for (const range of accept.split(',', 32)) {
    const [type = '', ...parameters] = range.split(';').map(part => part.trim().toLowerCase())
    const q = parameters.find(parameter => parameter.startsWith('q='))
    const quality = q === undefined ? 1 : Number(q.slice(2)) || 0
    if (type === 'text/html') html = quality
    else if (type === 'application/json') json = quality
  }
  return html > 0 && html >= json
}

function page({ status, outcome, message, requestId }: ErrorFacts): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${status} ${outcome}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:15vh auto;padding:0 1em;color:#222}
pre{white-space:pre-wrap}small{color:#777}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style>
<h1>${status}</h1><pre>${escapeHtml(message)}</pre>
<p><small>${outcome} · ${escapeHtml(requestId)}</small></p></html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
