/**
 * The built-in dashboard: one page that holds no data and asks the API for it. Its policy lets the browser run
 * exactly the script and style that stand in the file, and talk to nobody else.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'

/** Where the page is. */
export const PAGE = '/'

export function dashboard(server: FastifyInstance) {
  const page = readFileSync(new URL('./dashboard.html', import.meta.url), 'utf8')
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(page, 'script')}`,
    `style-src ${hashOf(page, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  server.get(PAGE, (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', policy).send(page),
  )
}

function hashOf(page: string, element: 'script' | 'style'): string {
  const content = new RegExp(`<${element}>(.*)</${element}>`, 's').exec(page)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
}
