/**
 * Module rules: which files are modules of their own beside the bundled entry, and what each is to the app.
 *
 * Wrangler's semantics: a configured rule stands before the defaults, and the first rule of a type ends the
 * search for that type unless it says `fallthrough = true`.
 */
import type { ModuleType } from '../bundle.ts'

export const RULE_TYPES = {
  ESModule: 'esm',
  Text: 'text',
  Data: 'data',
  CompiledWasm: 'wasm',
} as const satisfies Record<string, ModuleType>

export type RuleType = keyof typeof RULE_TYPES

/** A rule as it stands in a wrangler file. */
export interface Rule {
  type: RuleType
  globs: string[]
  fallthrough?: boolean
}

const DEFAULT_RULES: readonly Rule[] = [
  { type: 'Text', globs: ['**/*.txt', '**/*.html', '**/*.sql'] },
  { type: 'Data', globs: ['**/*.bin'] },
  { type: 'CompiledWasm', globs: ['**/*.wasm'] },
]

/** The rules in force, and those left out because one of their type before them does not fall through. */
export function effectiveRules(configured: readonly Rule[]): { rules: Rule[]; ignored: Rule[] } {
  const closed = new Set<RuleType>()
  const rules: Rule[] = []
  const ignored: Rule[] = []
  for (const rule of [...configured, ...DEFAULT_RULES]) {
    if (closed.has(rule.type)) {
      ignored.push(rule)
      continue
    }
    rules.push(rule)
    if (rule.fallthrough !== true) closed.add(rule.type)
  }
  return { rules, ignored }
}

/** What the rules make of a path or import specifier; undefined where none speaks of it. */
export function moduleTypeOf(path: string, rules: readonly Rule[]): ModuleType | undefined {
  const plain = path.replace(/\?module$/, '')
  const rule = rules.find(({ globs }) => globs.some(glob => globPattern(glob).test(plain)))
  return rule && RULE_TYPES[rule.type]
}

/** One pattern that matches the specifiers of all rules, in the syntax that esbuild's filters share with JavaScript. */
export function specifierFilter(rules: readonly Rule[]): RegExp {
  const sources = rules.flatMap(rule => rule.globs.map(glob => globPattern(glob).source.slice(0, -1)))
  return sources.length === 0 ? /[^\s\S]/ : new RegExp(`(?:${sources.join('|')})(?:\\?module)?$`)
}

/** `**`, `*`, `?` and `{a,b}` of a glob as a pattern for a relative path, with or without leading dots. */
export function globPattern(glob: string): RegExp {
  let depth = 0
  const source = glob
    .replace(/^(?:\.{0,2}\/)+/, '')
    .replace(/\?module$/, '')
    .replace(/\*\*\/|\*\*|[\s\S]/g, token => {
      switch (token) {
        case '**/':
          return '(?:.*/)?'
        case '**':
          return '.*'
        case '*':
          return '[^/]*'
        case '?':
          return '[^/]'
        case '{':
          depth++
          return '(?:'
        case '}':
          if (depth === 0) return '\\}'
          depth--
          return ')'
        case ',':
          return depth > 0 ? '|' : ','
        default:
          return token.replace(/[\\^$+.()|[\]-]/, '\\$&')
      }
    })
  return new RegExp(`^(?:\\.{0,2}/)*${source}${')'.repeat(depth)}$`)
}
