/**
 * Reads Cloudflare's wrangler.toml, .json and .jsonc: the configuration of an app.
 *
 * What Vitrine understands is checked key by key, and a wrong type is an error that names file, key and what
 * is expected. What it does not understand gets a warning by name: nothing is passed over in silence.
 */
import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import { parse as parseToml, TomlError } from 'smol-toml'
import { nearest } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { RULE_TYPES, type Rule } from './rules.ts'

/** In the order in which wrangler looks for them. */
export const WRANGLER_FILES = ['wrangler.json', 'wrangler.jsonc', 'wrangler.toml'] as const

/** What an app's wrangler file says, for one environment. Paths are as written: relative to `directory`. */
export interface WranglerConfig {
  /** The file's name, for messages. */
  file: string
  directory: string
  name?: string
  main?: string
  compatibilityDate?: string
  compatibilityFlags: string[]
  vars: Record<string, unknown>
  limits: { cpu_ms?: number; memory_mb?: number }
  routes: string[]
  rules: Rule[]
  define: Record<string, string>
  alias: Record<string, string>
  tsconfig?: string
  jsxFactory?: string
  jsxFragment?: string
  minify: boolean
  keepNames: boolean
  noBundle: boolean
  findAdditionalModules: boolean
  uploadSourceMaps: boolean
  baseDir?: string
  /** One sentence each. */
  warnings: string[]
}

interface Check {
  expected: string
  test(value: unknown): boolean
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
const isText = (value: unknown): value is string => typeof value === 'string'
const isWhole = (value: unknown) => Number.isInteger(value) && (value as number) > 0

const TEXT: Check = { expected: 'a text', test: value => isText(value) && value !== '' }
const FLAG: Check = { expected: 'true or false', test: value => typeof value === 'boolean' }
const TEXTS: Check = {
  expected: 'a list of texts',
  test: value => Array.isArray(value) && value.every(isText),
}
const TABLE: Check = { expected: 'a table of names and values', test: isObject }
const TEXT_TABLE: Check = {
  expected: 'a table of names and texts',
  test: value => isObject(value) && Object.values(value).every(isText),
}
const DATE: Check = {
  expected: 'a date as YYYY-MM-DD',
  // TOML's times of day are Dates too.
  test: value =>
    value instanceof Date
      ? /^\d{4}-\d{2}-\d{2}/.test(value.toISOString())
      : isText(value) && /^\d{4}-\d{2}-\d{2}$/.test(value),
}
const ROUTE: Check = {
  expected: 'a pattern such as "example.com/api/*", or a table with pattern',
  test: value => isText(value) || (isObject(value) && isText(value.pattern)),
}
const ROUTES: Check = {
  expected: 'a list of patterns such as "example.com/api/*", or of tables with pattern',
  test: value => Array.isArray(value) && value.every(ROUTE.test),
}
const RULES: Check = {
  expected: `a list of tables with type (${Object.keys(RULE_TYPES).join(', ')}) and globs (texts)`,
  test: value =>
    Array.isArray(value) &&
    value.every(
      rule =>
        isObject(rule) &&
        isText(rule.type) &&
        Object.hasOwn(RULE_TYPES, rule.type) &&
        TEXTS.test(rule.globs) &&
        (rule.fallthrough === undefined || FLAG.test(rule.fallthrough)),
    ),
}

/** Every key that means something here, with the type it must have. */
const KEYS: Record<string, Check> = {
  name: TEXT,
  main: TEXT,
  compatibility_date: DATE,
  compatibility_flags: TEXTS,
  vars: TABLE,
  limits: TABLE,
  route: ROUTE,
  routes: ROUTES,
  rules: RULES,
  define: TEXT_TABLE,
  alias: TEXT_TABLE,
  tsconfig: TEXT,
  jsx_factory: TEXT,
  jsx_fragment: TEXT,
  minify: FLAG,
  keep_names: FLAG,
  no_bundle: FLAG,
  find_additional_modules: FLAG,
  upload_source_maps: FLAG,
  base_dir: TEXT,
  env: TABLE,
}

const LIMIT_KEYS: Record<string, Check> = {
  cpu_ms: { expected: 'a whole number of milliseconds above 0', test: isWhole },
  memory_mb: { expected: 'a whole number of megabytes above 0', test: isWhole },
}

/** Wrangler's keys that an app may miss: the warning says that they do nothing yet. */
const UNSUPPORTED = new Set(
  `ai ai_search analytics_engine_datasets assets browser build cache cloudchamber containers d1_databases
  data_blobs dispatch_namespaces durable_objects exports first_party_worker hyperdrive images kv_namespaces
  logfwdr media migrations mtls_certificates pipelines preserve_file_names python_modules queues r2_buckets
  ratelimits secrets secrets_store_secrets send_email services site streaming_tail_consumers tail_consumers
  text_blobs triggers unsafe unsafe_hello_world vectorize version_metadata vpc_services wasm_modules
  worker_loaders workflows`.split(/\s+/),
)

/** Wrangler's keys that speak of Cloudflare's own service. */
const MEANINGLESS = new Set(
  `account_id compliance_region dev keep_vars legacy_env logpush observability pages_build_output_dir placement
  preview_urls send_metrics type usage_model workers_dev zone_id`.split(/\s+/),
)

/** Objects and lists within each other; nobody writes more by hand. */
const DEPTH_MAX = 100

/** Keys that an environment does not take over from the top level. */
const NOT_INHERITED = new Set(['name', 'vars', 'define', 'env'])

/**
 * Reads the wrangler file at `path`, for the environment `env` if one is named.
 * Throws `APP_CONFIG_INVALID` at the first thing that is wrong.
 */
export function readWrangler(path: string, env?: string): WranglerConfig {
  const file = basename(path)
  const top = parseFile(path, file)
  const warnings: string[] = []
  checkKeys(top, { file, prefix: '', warnings })

  let config = top
  if (env !== undefined) {
    const environments = (top.env ?? {}) as Record<string, unknown>
    const chosen = Object.hasOwn(environments, env) ? environments[env] : undefined
    if (chosen === undefined) throw unknownEnvironment(file, env, Object.keys(environments))
    if (!isObject(chosen)) throw wrongType(file, `env.${env}`, TABLE, chosen)
    checkKeys(chosen, { file, prefix: `env.${env}.`, warnings })
    const inherited = Object.entries(top).filter(([key]) => !NOT_INHERITED.has(key))
    const name = chosen.name ?? (top.name === undefined ? undefined : `${top.name}-${env}`)
    config = { ...Object.fromEntries(inherited), ...chosen, name }
    if (chosen.route !== undefined || chosen.routes !== undefined)
      config = { ...config, route: chosen.route, routes: chosen.routes }
    const forgotten = ['vars', 'define'].filter(key => top[key] !== undefined && chosen[key] === undefined)
    if (forgotten.length > 0)
      warnings.push(
        `${file}: env.${env} does not inherit ${forgotten.join(', ')}: repeat what it needs there`,
      )
  }
  return interpret(config as CheckedConfig, { file, directory: dirname(path), warnings })
}

/** The configuration of an entry file that stands alone: every default. */
export function emptyConfig(entry: string): WranglerConfig {
  return interpret({}, { file: basename(entry), directory: dirname(entry), warnings: [] })
}

/** A configuration whose keys have the types that `KEYS` demands. */
interface CheckedConfig {
  name?: string
  main?: string
  compatibility_date?: string | Date
  compatibility_flags?: string[]
  vars?: Record<string, unknown>
  limits?: { cpu_ms?: number; memory_mb?: number }
  route?: RouteEntry
  routes?: RouteEntry[]
  rules?: Rule[]
  define?: Record<string, string>
  alias?: Record<string, string>
  tsconfig?: string
  jsx_factory?: string
  jsx_fragment?: string
  minify?: boolean
  keep_names?: boolean
  no_bundle?: boolean
  find_additional_modules?: boolean
  upload_source_maps?: boolean
  base_dir?: string
}

type RouteEntry = string | { pattern: string; custom_domain?: boolean }

function interpret(
  config: CheckedConfig,
  { file, directory, warnings }: Pick<WranglerConfig, 'file' | 'directory' | 'warnings'>,
): WranglerConfig {
  const { compatibility_date: date, minify = false, route, routes = [] } = config
  return {
    file,
    directory,
    name: config.name,
    main: config.main,
    compatibilityDate: date instanceof Date ? date.toISOString().slice(0, 10) : date,
    compatibilityFlags: config.compatibility_flags ?? [],
    vars: config.vars ?? {},
    limits: { cpu_ms: config.limits?.cpu_ms, memory_mb: config.limits?.memory_mb },
    routes: [...(route === undefined ? [] : [route]), ...routes].map(routePattern),
    rules: config.rules ?? [],
    define: config.define ?? {},
    alias: config.alias ?? {},
    tsconfig: config.tsconfig,
    jsxFactory: config.jsx_factory,
    jsxFragment: config.jsx_fragment,
    minify,
    keepNames: config.keep_names ?? minify,
    noBundle: config.no_bundle ?? false,
    findAdditionalModules: config.find_additional_modules ?? true,
    uploadSourceMaps: config.upload_source_maps ?? true,
    baseDir: config.base_dir,
    warnings,
  }
}

/** A custom domain is a host for which the app answers whatever the path. */
function routePattern(route: RouteEntry): string {
  if (typeof route === 'string') return route
  return route.custom_domain ? `${route.pattern.replace(/\/.*$/, '')}/*` : route.pattern
}

interface Place {
  file: string
  /** Of the key in messages: `env.staging.`. */
  prefix: string
  warnings: string[]
}

function checkKeys(config: Record<string, unknown>, { file, prefix, warnings }: Place): void {
  const unsupported: string[] = []
  const meaningless: string[] = []
  for (const [key, value] of Object.entries(config)) {
    const check = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined
    if (check) {
      if (!check.test(value)) throw wrongType(file, prefix + key, check, value)
    } else if (UNSUPPORTED.has(key)) unsupported.push(prefix + key)
    else if (MEANINGLESS.has(key)) meaningless.push(prefix + key)
    else if (key !== '$schema') {
      const near = nearest(key, Object.keys(KEYS))
      warnings.push(
        `${file}: ${JSON.stringify(prefix + key)} is unknown and ignored${near ? `; did you mean ${near}?` : ''}`,
      )
    }
  }
  for (const [key, value] of Object.entries((config.limits ?? {}) as Record<string, unknown>)) {
    const check = Object.hasOwn(LIMIT_KEYS, key) ? LIMIT_KEYS[key] : undefined
    if (!check) unsupported.push(`${prefix}limits.${key}`)
    else if (!check.test(value)) throw wrongType(file, `${prefix}limits.${key}`, check, value)
  }
  if (unsupported.length > 0)
    warnings.push(
      `${file}: not supported yet, the app goes without: ${unsupported.map(key => JSON.stringify(key)).join(', ')}`,
    )
  if (meaningless.length > 0)
    warnings.push(
      `${file}: without meaning outside Cloudflare, ignored: ${meaningless.map(key => JSON.stringify(key)).join(', ')}`,
    )
}

function wrongType(file: string, key: string, check: Check, value: unknown): VitrineError {
  const shown = JSON.stringify(value) ?? String(value)
  const excerpt = shown.length > 80 ? `${shown.slice(0, 80)}…` : shown
  return new VitrineError('APP_CONFIG_INVALID', `${file}: "${key}" must be ${check.expected}, not ${excerpt}`)
}

function unknownEnvironment(file: string, env: string, known: string[]): VitrineError {
  const near = nearest(env, known)
  const remedy = near
    ? `did you mean ${near}?`
    : known.length > 0
      ? `it has ${known.join(', ')}`
      : 'it defines no environments'
  return new VitrineError(
    'APP_CONFIG_INVALID',
    `${file} has no environment ${JSON.stringify(env)}; ${remedy}`,
  )
}

function parseFile(path: string, file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (cause) {
    throw new VitrineError('APP_CONFIG_INVALID', `Cannot read ${path}: ${(cause as Error).message}`, {
      cause,
    })
  }
  const value = file.endsWith('.toml') ? parseTomlText(text, file) : parseJsonText(text, file)
  if (isObject(value)) return value
  throw new VitrineError('APP_CONFIG_INVALID', `${file} must hold one object, with name and main in it`)
}

function parseTomlText(text: string, file: string): unknown {
  try {
    return parseToml(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const reason = error.message.split('\n', 1)[0]!.replace(/^Invalid TOML document: /, '')
    const place = `${file}:${error.line}:${error.column}`
    throw new VitrineError('APP_CONFIG_INVALID', `${place} is not TOML: ${reason}`, {
      detail: error.codeblock,
    })
  }
}

function parseJsonText(text: string, file: string): unknown {
  const errors: ParseError[] = []
  let root: Node | undefined
  try {
    root = parseTree(text, errors, { allowTrailingComma: true })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw tooDeep(file)
  }
  const first = errors[0]
  if (!first) return plainValue(root!, file)
  const before = text.slice(0, first.offset).split('\n')
  const reason = printParseErrorCode(first.error).replace(/(?!^)[A-Z]/g, letter => ` ${letter.toLowerCase()}`)
  throw new VitrineError(
    'APP_CONFIG_INVALID',
    `${file}:${before.length}:${before.at(-1)!.length + 1} is not JSON: ${reason}`,
  )
}

/** Every key is a property of its own, `__proto__` too, which jsonc-parser's `parse` would make the prototype. */
function plainValue(node: Node, file: string, depth = 0): unknown {
  if (depth > DEPTH_MAX) throw tooDeep(file)
  const children = node.children ?? []
  if (node.type === 'array') return children.map(child => plainValue(child, file, depth + 1))
  if (node.type !== 'object') return node.value
  return Object.fromEntries(
    children.map(({ children: [key, value] = [] }) => [key!.value, plainValue(value!, file, depth + 1)]),
  )
}

function tooDeep(file: string): VitrineError {
  return new VitrineError(
    'APP_CONFIG_INVALID',
    `${file} is nested more than ${DEPTH_MAX} deep: put what is below into a text`,
  )
}
