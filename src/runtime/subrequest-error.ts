/**
 * Why a subrequest failed, in a sentence that an app's developer may read.
 *
 * Whatever undici, Node, OpenSSL or c-ares throw becomes a `SubrequestError` here. Its message never holds more
 * than the app could learn by itself: no path, no stack, no address that a name of the private network has.
 */
import { errors } from './undici.ts'

/** `message` is safe to show to the app. */
export class SubrequestError extends Error {
  override readonly name = 'SubrequestError'
  readonly code?: string

  constructor(message: string, { code, cause }: { code?: string; cause?: unknown } = {}) {
    super(message, { cause })
    if (code !== undefined) this.code = code
  }
}

/** Foreign messages are cut here: they may quote what the upstream sent. */
const MESSAGE_CHARS_MAX = 300

/** What undici's codes mean to somebody who does not know undici. */
const SENTENCES: Record<string, string> = {
  UND_ERR_HEADERS_TIMEOUT: 'the server took too long to answer',
  UND_ERR_BODY_TIMEOUT: 'the server stopped sending the body',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the response are too long',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'the body is not as long as its content-length header says',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH:
    'the body of the response is not as long as its content-length header says',
  UND_ERR_SOCKET: 'the server closed the connection',
  // undici's parser asserts on some malformed responses, and closes the connection.
  ERR_ASSERTION: 'the response is no valid HTTP/1.1',
  UND_ERR_DESTROYED: 'the platform is stopping',
  UND_ERR_CLOSED: 'the platform is stopping',
}

/** The same failure as a `SubrequestError`. */
export function explain(error: unknown): SubrequestError {
  if (error instanceof SubrequestError) return error
  if (!(error instanceof Error)) return new SubrequestError('the subrequest failed', { cause: error })
  // Every address was tried in turn; the first failure says most.
  if (error instanceof AggregateError && error.errors.length > 0) return explain(error.errors[0])

  const { code, reason } = error as NodeJS.ErrnoException & { reason?: unknown }
  const message = firstLine(error.message)
  if (error instanceof errors.HTTPParserError) {
    return new SubrequestError(`the response is no valid HTTP/1.1: ${message}`, { cause: error })
  }
  if (code === undefined) return new SubrequestError(message, { cause: error })
  return new SubrequestError(sentence(code, message, reason), { code, cause: error })
}

function sentence(code: string, message: string, reason: unknown): string {
  if (SENTENCES[code]) return SENTENCES[code]
  // OpenSSL's own messages quote the source files it was built from; `reason` is the readable part.
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO')
    return `TLS failed: ${firstLine(String(reason ?? code))}`
  // Node goes on with advice for its own users.
  if (code.startsWith('ERR_TLS_') || /CERT|SIGNATURE|ISSUER|CRL/.test(code))
    return `TLS failed: ${message.split(';', 1)}`
  return /^E[A-Z0-9]+$/.test(code) ? message : `the subrequest failed: ${code}`
}

function firstLine(message: string): string {
  const end = message.indexOf('\n')
  return (end < 0 ? message : message.slice(0, end)).slice(0, MESSAGE_CHARS_MAX) || 'the subrequest failed'
}
