/** RequestInit: what a guest may say about a request it makes, converted and checked. */
import { type AbortSignal, abortSignalArgument } from './abort.ts'
import { parseApiUrl } from './api-url.ts'
import { type Extracted, extractBody } from './body.ts'
import { isHeaderName } from './header-list.ts'
import { stringToUpperCase } from './primordials.ts'
import { byteString, dictionary, domString, enumeration, usvString } from './webidl.ts'

/** The settings that few requests change: most share one object. */
export interface RequestSettings {
  redirect: 'follow' | 'error' | 'manual'
  mode: string
  credentials: string
  cache: string
  referrer: string
  referrerPolicy: string
  integrity: string
  keepalive: boolean
}

const DEFAULT_SETTINGS: RequestSettings = {
  redirect: 'follow',
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  referrer: 'about:client',
  referrerPolicy: '',
  integrity: '',
  keepalive: false,
}

/** Passed on to fetch(), an incoming request shows redirects to the app. */
export const INCOMING_SETTINGS: RequestSettings = { ...DEFAULT_SETTINGS, redirect: 'manual' }

const MODES = ['navigate', 'same-origin', 'no-cors', 'cors'] as const
const REDIRECTS = ['follow', 'error', 'manual'] as const
const CREDENTIALS = ['omit', 'same-origin', 'include'] as const
const PRIORITIES = ['high', 'low', 'auto'] as const
const CACHES = ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'] as const
const REFERRER_POLICIES = [
  '',
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
] as const

/** Converted; null or undefined is what was not given. */
export interface RequestInit {
  body: Extracted | null
  headers: unknown
  method: string | null
  /** Null: no signal, whatever the other request had. */
  signal: AbortSignal | null | undefined
  cf: unknown
  /** Null if none is given. */
  settings: Partial<RequestSettings> | null
}

const NO_INIT: RequestInit = {
  body: null,
  headers: undefined,
  method: null,
  signal: undefined,
  cf: null,
  settings: null,
}

/** Reads the dictionary's members in WebIDL's order. */
export function readRequestInit(value: unknown, context: string): RequestInit {
  if (value === undefined || value === null) return NO_INIT
  const init = dictionary(value, context)
  const given = <T>(member: unknown, convert: (member: unknown) => T) =>
    member === undefined ? undefined : convert(member)
  const oneOf = <T extends string>(member: unknown, allowed: readonly T[]) =>
    member === undefined ? undefined : enumeration(member, allowed, context)

  const { body } = init
  const extracted = body === undefined || body === null ? null : extractBody(body)
  const cache = oneOf(init.cache, CACHES)
  const credentials = oneOf(init.credentials, CREDENTIALS)
  oneOf(init.duplex, ['half'])
  const { headers } = init
  const integrity = given(init.integrity, domString)
  const keepalive = given(init.keepalive, Boolean)
  const method = given(init.method, text => normalizeMethod(byteString(text, context), context))
  const mode = oneOf(init.mode, MODES)
  oneOf(init.priority, PRIORITIES)
  const redirect = oneOf(init.redirect, REDIRECTS)
  const referrer = given(init.referrer, text => referrerOf(usvString(text), context))
  const referrerPolicy = oneOf(init.referrerPolicy, REFERRER_POLICIES)
  const signal = given(init.signal, signal => (signal === null ? null : abortSignalArgument(signal, context)))
  const { window } = init
  if (window !== undefined && window !== null) {
    throw new TypeError(`${context}: 'window' can only be null.`)
  }
  if (mode === 'navigate') throw new TypeError(`${context}: The mode 'navigate' is for browsers.`)
  const settings = { redirect, mode, credentials, cache, referrer, referrerPolicy, integrity, keepalive }
  return { body: extracted, headers, method: method ?? null, signal, cf: init.cf ?? null, settings }
}

/** The settings of a request made from `base` (null: from a URL) with `init`. */
export function settingsOf(
  init: RequestInit,
  base: RequestSettings | null,
  context: string,
): RequestSettings {
  const before = base ?? DEFAULT_SETTINGS
  const given = init.settings
  if (given === null) return before
  const settings: RequestSettings = {
    redirect: given.redirect ?? before.redirect,
    mode: given.mode ?? before.mode,
    credentials: given.credentials ?? before.credentials,
    cache: given.cache ?? before.cache,
    // Any init at all resets these two, says the standard.
    referrer: given.referrer ?? DEFAULT_SETTINGS.referrer,
    referrerPolicy: given.referrerPolicy ?? DEFAULT_SETTINGS.referrerPolicy,
    integrity: given.integrity ?? before.integrity,
    keepalive: given.keepalive ?? before.keepalive,
  }
  if (settings.cache === 'only-if-cached' && settings.mode !== 'same-origin') {
    throw new TypeError(`${context}: The cache mode 'only-if-cached' needs the mode 'same-origin'.`)
  }
  return settings
}

function normalizeMethod(method: string, context: string): string {
  switch (method) {
    case 'GET':
    case 'POST':
    case 'PUT':
    case 'PATCH':
    case 'HEAD':
    case 'DELETE':
    case 'OPTIONS':
      return method
  }
  if (!isHeaderName(method)) throw new TypeError(`${context}: '${method}' is not a valid HTTP method.`)
  const upper = stringToUpperCase(method)
  switch (upper) {
    case 'CONNECT':
    case 'TRACE':
    case 'TRACK':
      throw new TypeError(`${context}: '${method}' HTTP method is unsupported.`)
    case 'GET':
    case 'POST':
    case 'PUT':
    case 'HEAD':
    case 'DELETE':
    case 'OPTIONS':
      return upper
    default:
      return method
  }
}

/** There is no page that a request could come from: any URL is as good as none. */
function referrerOf(referrer: string, context: string): string {
  if (referrer === '') return ''
  if (parseApiUrl(referrer) === null) {
    throw new TypeError(`${context}: Referrer '${referrer}' is not a valid URL.`)
  }
  return DEFAULT_SETTINGS.referrer
}
