/**
 * What an operator or a deploying developer can do wrong, each with a code and an HTTP status.
 *
 * The message is one sentence that names the input and the remedy; `docs/errors.md` lists every code.
 */
export const ERROR_STATUS = {
  /** Wrong usage of a command: unknown flag, missing argument. Exit code 2. */
  USAGE: 400,
  /** A setting of the platform is unknown or malformed. */
  CONFIG_INVALID: 400,
  /** A port is taken or may not be bound. */
  LISTEN_FAILED: 500,
  /** The database file is corrupt, newer than this Vitrine, or cannot be opened. */
  STORE_UNUSABLE: 500,
  /** The store does not answer: deploys wait, loaded apps go on. */
  STORE_UNAVAILABLE: 503,
  /** A wrangler file, or the metadata of an upload, is malformed. */
  APP_CONFIG_INVALID: 400,
  /** An app's name is no DNS label. */
  APP_NAME_INVALID: 400,
  /** No such app. */
  APP_NOT_FOUND: 404,
  /** No such version of the app. */
  VERSION_NOT_FOUND: 404,
  /** The bundle has no main module, an unknown module type or a bad module name. */
  BUNDLE_INVALID: 400,
  /** The bundle is larger than the limit. */
  BUNDLE_TOO_LARGE: 413,
  /** The app's code does not start: syntax error, throwing top level, no handler. */
  STARTUP_FAILED: 422,
  /** esbuild cannot bundle the entry. */
  BUILD_FAILED: 422,
  /** The route is malformed. */
  ROUTE_INVALID: 400,
  /** The route belongs to another app. */
  ROUTE_TAKEN: 409,
  /** No such route. */
  ROUTE_NOT_FOUND: 404,
  /** The control API was called without its token, or with a wrong one. */
  UNAUTHORIZED: 401,
  /** A browser sent the request from another site. */
  CROSS_SITE: 403,
  /** The request to the control API is malformed. */
  REQUEST_INVALID: 400,
  /** The control API already does as much of this at once as it may. */
  BUSY: 503,
  /** No runtime could try the app: they are starting, or failing. */
  RUNTIME_UNAVAILABLE: 503,
  /** A fault of Vitrine itself; its log says more. */
  INTERNAL: 500,
  /** The platform does not answer at VITRINE_URL. */
  PLATFORM_UNREACHABLE: 503,
} as const

export type ErrorCode = keyof typeof ERROR_STATUS

/** An operator's or developer's mistake. `message` is one sentence: what is wrong, and what to do. */
export class VitrineError extends Error {
  override readonly name = 'VitrineError'
  readonly code: ErrorCode
  readonly status: number
  /** More for a terminal to show below the sentence: a stack, esbuild's excerpt. */
  readonly detail?: string

  constructor(code: ErrorCode, message: string, options: { detail?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.status = ERROR_STATUS[code]
    if (options.detail !== undefined) this.detail = options.detail
  }
}
