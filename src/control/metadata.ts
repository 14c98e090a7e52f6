/**
 * Reads what an upload says about an app: checks every value, and turns it into the configuration that is
 * stored. What is wrong is refused by name; what is known but has no effect yet is a warning by name.
 */
import type { AppConfig, AppLimits } from '../app-config.ts'
import type { UploadMetadata } from '../build/upload.ts'
import type { ModuleType } from '../bundle.ts'
import { type Config, flagOf, nearest } from '../config.ts'
import { VitrineError } from '../errors.ts'
import { parseRoute } from '../routes.ts'

export interface Described {
  config: AppConfig
  /** Normalised patterns. */
  routes: string[]
  message?: string
  warnings: string[]
}

type Limits = Pick<Config, 'cpuMsMax' | 'memoryMbMax' | 'bundleModulesMax'>

const MODULE_NAME_LENGTH_MAX = 512
const MESSAGE_LENGTH_MAX = 1000
const VARS_MAX = 1000
const VAR_NAME_LENGTH_MAX = 128
const ROUTES_MAX = 1000
const FLAGS_MAX = 100
const FLAG_LENGTH_MAX = 100
const MEMORY_MB_MIN = 8

const KEYS = [
  'main_module',
  'body_part',
  'compatibility_date',
  'compatibility_flags',
  'vars',
  'limits',
  'routes',
  'message',
] as const satisfies (keyof UploadMetadata)[]

/** Throws `APP_NAME_INVALID`. */
export function checkAppName(name: string) {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return
  throw new VitrineError(
    'APP_NAME_INVALID',
    `${shown(name)} cannot be an app’s name: use 1 to 63 of a-z, 0-9 and -, with no - at either end, like my-app`,
  )
}

/** The name under which a module is kept. Throws `BUNDLE_INVALID` for one that could mean something else. */
export function moduleName(given: string): string {
  const fail = (problem: string): never => {
    throw new VitrineError(
      'BUNDLE_INVALID',
      `Module name ${shown(given)} ${problem}: use a relative path like lib/a.js`,
    )
  }
  const name = given.replace(/^\.\//, '')
  if (name === '') fail('is empty')
  if (name.length > MODULE_NAME_LENGTH_MAX) fail(`is longer than ${MODULE_NAME_LENGTH_MAX} characters`)
  if (/[\0-\x1f\x7f]/.test(name)) fail('has a control character')
  if (name.includes('\\')) fail('has a backslash')
  if (name.startsWith('/')) fail('is an absolute path')
  if (/^[a-z][a-z0-9+.-]*:/i.test(name)) fail('begins like a URL')
  for (const segment of name.split('/')) {
    if (segment === '..' || segment === '.' || segment === '') fail(`has ${shown(segment)} as a segment`)
  }
  return name
}

/**
 * Reads an upload's metadata, given the names and types of its modules. Throws `APP_CONFIG_INVALID`,
 * `BUNDLE_INVALID` or `ROUTE_INVALID`.
 */
export function describe(
  metadata: unknown,
  modules: readonly { name: string; type: ModuleType }[],
  limits: Limits,
): Described {
  const fields = record(metadata, 'metadata')
  const warnings = unknownKeys(fields, KEYS, 'metadata key')
  checkModules(modules, limits.bundleModulesMax)
  const { main, syntax } = entryOf(fields, modules)
  const date = dateOf(fields.compatibility_date)
  const flags = textsOf(fields.compatibility_flags, 'compatibility_flags', FLAGS_MAX)
  for (const flag of flags) {
    if (flag.length > FLAG_LENGTH_MAX)
      throw invalid(`compatibility_flags has ${shown(flag)}, which is no flag`)
    warnings.push(`compatibility flag ${shown(flag)} has no effect yet`)
  }
  const routes = routesOf(fields.routes, warnings)
  const message = messageOf(fields.message)
  return {
    config: {
      main,
      syntax,
      ...(date !== undefined && { compatibilityDate: date }),
      compatibilityFlags: flags,
      vars: varsOf(fields.vars),
      limits: limitsOf(fields.limits, limits, warnings),
    },
    routes,
    ...(message !== undefined && { message }),
    warnings,
  }
}

function checkModules(modules: readonly { name: string }[], max: number) {
  if (modules.length > max) {
    throw new VitrineError(
      'BUNDLE_INVALID',
      `The bundle has more than ${max} modules (--bundle-modules-max): bundle them into fewer`,
    )
  }
  const seen = new Set<string>()
  for (const { name } of modules) {
    if (seen.has(name)) {
      throw new VitrineError('BUNDLE_INVALID', `The bundle has two modules named ${shown(name)}: rename one`)
    }
    seen.add(name)
  }
}

function entryOf(
  { main_module, body_part }: Record<string, unknown>,
  modules: readonly { name: string; type: ModuleType }[],
): Pick<AppConfig, 'main' | 'syntax'> {
  const fail = (problem: string): never => {
    throw new VitrineError('BUNDLE_INVALID', problem)
  }
  if ((main_module === undefined) === (body_part === undefined)) {
    fail('The metadata must name the entry: either main_module (ES module) or body_part (service worker)')
  }
  const key = main_module === undefined ? 'body_part' : 'main_module'
  const given = main_module ?? body_part
  if (typeof given !== 'string') return fail(`${key} must be the name of a module, not ${shown(given)}`)
  const main = moduleName(given)
  const entry = modules.find(module => module.name === main)
  const type = key === 'main_module' ? 'esm' : 'script'
  const contentType = key === 'main_module' ? 'application/javascript+module' : 'application/javascript'
  if (!entry)
    return fail(`The bundle has no module ${shown(main)}, which ${key} names: upload it, or correct ${key}`)
  if (entry.type !== type) fail(`Module ${shown(main)} must be of type ${contentType} to be the ${key}`)
  const script = modules.find(module => module.type === 'script' && module !== entry)
  if (script) fail(`Module ${shown(script.name)} is a script, which nothing can import: make it an ES module`)
  return { main, syntax: key === 'main_module' ? 'module' : 'service-worker' }
}

function dateOf(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const date =
    typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? new Date(`${value}T00:00:00Z`) : null
  // 30 February would otherwise be read as 1 or 2 March.
  if (!date || Number.isNaN(date.getTime()) || !date.toISOString().startsWith(value as string)) {
    throw invalid(`compatibility_date is ${shown(value)}, which is no date: write it like 2026-01-31`)
  }
  return value as string
}

function varsOf(value: unknown): Record<string, unknown> {
  if (value === undefined) return {}
  const entries = Object.entries(record(value, 'vars'))
  if (entries.length > VARS_MAX)
    throw invalid(`vars has more than ${VARS_MAX} variables: put some into one as JSON`)
  for (const [name] of entries) {
    if (
      name === '' ||
      name === '__proto__' ||
      name.length > VAR_NAME_LENGTH_MAX ||
      /[\0-\x1f\x7f]/.test(name)
    ) {
      throw invalid(`vars has ${shown(name)}, which cannot be a variable’s name: write it like API_URL`)
    }
  }
  return Object.fromEntries(entries)
}

const LIMIT_KEYS = {
  cpu_ms: { name: 'cpuMs', max: 'cpuMsMax', min: 1, unit: 'ms' },
  memory_mb: { name: 'memoryMb', max: 'memoryMbMax', min: MEMORY_MB_MIN, unit: 'MB' },
} as const satisfies Record<
  keyof NonNullable<UploadMetadata['limits']>,
  { name: keyof AppLimits; max: keyof Limits; min: number; unit: string }
>

function limitsOf(value: unknown, platform: Limits, warnings: string[]): AppLimits {
  if (value === undefined) return {}
  const given = record(value, 'limits')
  warnings.push(...unknownKeys(given, Object.keys(LIMIT_KEYS), 'limit'))
  const limits: AppLimits = {}
  for (const [key, { name, max: maxName, min, unit }] of Object.entries(LIMIT_KEYS)) {
    const limit = given[key]
    if (limit === undefined) continue
    const max = platform[maxName]
    if (!Number.isInteger(limit) || (limit as number) < min) {
      throw invalid(
        `limits.${key} is ${shown(limit)}: it must be a whole number of ${unit}, from ${min} to ${max}`,
      )
    }
    if ((limit as number) > max) {
      throw invalid(
        `limits.${key} is ${limit}, above this platform’s maximum of ${max} ${unit}: lower it, or raise --${flagOf(maxName)}`,
      )
    }
    limits[name] = limit as number
  }
  return limits
}

function routesOf(value: unknown, warnings: string[]): string[] {
  const patterns: string[] = []
  for (const text of textsOf(value, 'routes', ROUTES_MAX)) {
    const { pattern, path, pathWildcard } = parseRoute(text)
    if (patterns.includes(pattern)) {
      throw new VitrineError('ROUTE_INVALID', `Route ${pattern} is given twice: leave one out`)
    }
    if (path === '/' && !pathWildcard) {
      warnings.push(`route ${pattern} answers only at /: for all paths write ${pattern}*`)
    }
    patterns.push(pattern)
  }
  return patterns
}

function messageOf(value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value.length <= MESSAGE_LENGTH_MAX)) return value
  throw invalid(`message must be a text of at most ${MESSAGE_LENGTH_MAX} characters`)
}

function textsOf(value: unknown, key: string, max: number): string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.length <= max && value.every(item => typeof item === 'string'))
    return value
  throw invalid(`${key} must be a list of at most ${max} texts, not ${shown(value)}`)
}

function record(value: unknown, key: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw invalid(`${key} must be a JSON object, not ${shown(value)}`)
}

function unknownKeys(value: Record<string, unknown>, known: readonly string[], kind: string): string[] {
  return Object.keys(value)
    .filter(key => !known.includes(key))
    .slice(0, 20)
    .map(key => {
      const near = nearest(key.slice(0, 100), known)
      return `${kind} ${shown(key)} is not supported and is ignored${near ? `; did you mean ${near}?` : ''}`
    })
}

/** For sentences: quoted, and never long. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function invalid(message: string): VitrineError {
  return new VitrineError('APP_CONFIG_INVALID', message)
}
