/** A checkout of the Web Platform Tests: which of its tests an app can run, and what each needs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { Area } from './areas.ts'
import { PROGRAMS } from './served-programs.ts'

export interface WptTest {
  /** Relative to the checkout. */
  file: string
  /** Query and fragment under which it runs; '' for none. */
  variant: string
  /** `file` and `variant`. */
  id: string
  title: string
  isLong: boolean
  /** Scripts to load before it, relative to the checkout. */
  scripts: string[]
}

const HOW_TO_GET_ONE =
  'git clone --depth 1 https://github.com/web-platform-tests/wpt, then pass --wpt DIR or set WPT_DIR'

/** Throws an Error that says what to do if `directory` is no checkout. */
export function checkCheckout(directory: string | undefined): string {
  if (!directory) throw new Error(`No checkout of the Web Platform Tests is named: ${HOW_TO_GET_ONE}.`)
  if (!existsSync(join(directory, 'resources/testharness.js'))) {
    throw new Error(`${directory} is no checkout of the Web Platform Tests: ${HOW_TO_GET_ONE}.`)
  }
  return directory
}

/** The tests of an area, by name: those of settled behaviour, which need no page and no server of handlers. */
export function testsOf(checkout: string, area: Area): WptTest[] {
  return area.paths
    .flatMap(path => filesUnder(checkout, path))
    .filter(file => isSettled(file) && !area.without?.some(pattern => pattern.test(file)))
    .sort()
    .flatMap(file => variantsOf(checkout, file))
}

function filesUnder(checkout: string, path: string): string[] {
  if (path.endsWith('.js')) return existsSync(join(checkout, path)) ? [path] : []
  if (!existsSync(join(checkout, path))) return []
  return readdirSync(join(checkout, path), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.any.js'))
    .map(name => posix.join(path, name.replaceAll('\\', '/')))
}

const isSettled = (file: string) => !/\.tentative\.|\/tentative\/|\.h2\.|\.optional\./.test(file)

/** What only a page, a service worker or another thread has. */
const FOREIGN_GLOBALS = /^(?:window|serviceworker|sharedworker|shadowrealm)[\w-]*$/
/** What needs another origin, a page's own services, or wptserve's ways. */
const FOREIGN =
  /\.(?:asis|h2)\b|\b(?:HTTP|HTTPS|REMOTE)\w*_ORIGIN\b|\{\{ports\[https|serviceWorker\b|new Worker\(/

function variantsOf(checkout: string, file: string): WptTest[] {
  const source = readFileSync(join(checkout, file), 'utf8')
  const meta = metaOf(source)
  const globals = meta.filter(([key]) => key === 'global').flatMap(([, value]) => value.split(','))
  if (globals.length > 0 && globals.every(name => FOREIGN_GLOBALS.test(name.trim()))) return []
  const valuesOf = (key: string) => meta.filter(([name]) => name === key).map(([, value]) => value)
  const variants = valuesOf('variant')
  const scripts = valuesOf('script').map(path => resolvePath(file, path))
  const own = scripts
    .filter(path => !/(?:^|\/)(?:common|resources)\//.test(path))
    .map(path => readText(checkout, path))
  if ([source, ...own].some(text => FOREIGN.test(text) || programsOf(text).some(name => !(name in PROGRAMS))))
    return []
  return (variants.length > 0 ? variants : ['']).map(variant => ({
    file,
    variant,
    id: file + variant,
    title: valuesOf('title')[0] ?? posix.basename(file, '.any.js'),
    isLong: valuesOf('timeout').includes('long'),
    scripts,
  }))
}

/** Programs of wptserve's that a script asks. */
function programsOf(source: string): string[] {
  return [...source.matchAll(/[\w.-]+\.py\b/g)].map(([name]) => name)
}

function readText(checkout: string, path: string): string {
  return readFileSync(fileIn(checkout, path), 'utf8')
}

/** `// META: key=value` at the head of a file. */
function metaOf(source: string): [string, string][] {
  const found: [string, string][] = []
  for (const line of source.split('\n')) {
    const match = /^\/\/\s*META:\s*(\w+)=(.*?)\s*$/.exec(line)
    if (match) found.push([match[1]!, match[2]!])
    else if (line.trim() !== '' && !line.startsWith('//')) break
  }
  return found
}

function resolvePath(file: string, path: string): string {
  return path.startsWith('/') ? path.slice(1) : posix.join(posix.dirname(file), path)
}

/** Where wptserve finds what it serves under another name. */
const ALIASES: Record<string, string> = { 'resources/WebIDLParser.js': 'resources/webidl2/lib/webidl2.js' }

/** Where a file that tests know as `path` lies. */
export function fileIn(checkout: string, path: string): string {
  return join(checkout, ALIASES[path] ?? path)
}
