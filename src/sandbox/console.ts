/**
 * console (https://console.spec.whatwg.org): lines for the developer, which the host logs.
 */
import { performanceNow } from './clock.ts'
import { formatTable } from './console-table.ts'
import { host } from './current-host.ts'
import { inspect } from './inspect.ts'
import { indent } from './inspect-layout.ts'
import { readStack } from './inspect-names.ts'
import {
  arrayJoin,
  arrayPush,
  jsonStringify,
  mapDelete,
  mapGet,
  mapHas,
  mapSet,
  mapSize,
  numberToFixed,
  setPrototypeOf,
  stringIndexOf,
  stringRepeat,
  stringSlice,
  trunc,
} from './primordials.ts'
import { defineNamespace, domString } from './webidl.ts'

/** Counters and timers that may exist at once. */
const LABELS_MAX = 1000
const GROUPS_MAX = 32
/** `console.dir` and `%O` show more than `log`. */
const DIR_DEPTH_MAX = 6

const counts = new Map<string, number>()
const timers = new Map<string, number>()
let groups = 0

type Level = 'debug' | 'info' | 'warn' | 'error'

function write(level: Level, message: string): void {
  const margin = stringRepeat('  ', groups)
  host.log(level, groups > 0 ? margin + indent(message, margin) : message)
}

/** The arguments as one text, the first one's `%` directives filled in. */
export function format(args: readonly unknown[]): string {
  const texts: string[] = []
  let next = 0
  if (typeof args[0] === 'string') {
    next = 1
    arrayPush(
      texts,
      args.length === 1
        ? args[0]
        : fillIn(
            args[0],
            () => args[next++],
            () => next < args.length,
          ),
    )
  }
  for (; next < args.length; next++) arrayPush(texts, formatArgument(args[next]))
  return arrayJoin(texts, ' ')
}

function formatArgument(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value)
}

function fillIn(text: string, take: () => unknown, left: () => boolean): string {
  let result = ''
  let start = 0
  for (;;) {
    const at = stringIndexOf(text, '%', start)
    if (at < 0 || at === text.length - 1) return result + stringSlice(text, start)
    const directive = text[at + 1]!
    let filled: string | undefined
    if (directive === '%') filled = '%'
    else if (left()) filled = fillDirective(directive, take)
    result += stringSlice(text, start, at) + (filled ?? stringSlice(text, at, at + 2))
    start = at + 2
  }
}

function fillDirective(directive: string, take: () => unknown): string | undefined {
  switch (directive) {
    case 's':
      return formatString(take())
    case 'd':
      return formatNumber(take(), Number)
    case 'i':
      return formatNumber(take(), value => trunc(Number.parseFloat(`${value as string}`)))
    case 'f':
      return formatNumber(take(), value => Number.parseFloat(`${value as string}`))
    case 'j':
      return formatJson(take())
    case 'o':
    case 'O':
      return inspect(take(), DIR_DEPTH_MAX)
    case 'c':
      take()
      return ''
  }
  return undefined
}

function formatString(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, 0)
}

function formatNumber(value: unknown, convert: (value: unknown) => number): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol' || typeof value === 'object') return 'NaN'
  return `${convert(value)}`
}

function formatJson(value: unknown): string {
  try {
    return jsonStringify(value) ?? 'undefined'
  } catch {
    return '[not JSON]'
  }
}

function since(label: string, start: number): string {
  const elapsed = performanceNow() - start
  return elapsed < 1000
    ? `${label}: ${numberToFixed(elapsed, 0)}ms`
    : `${label}: ${numberToFixed(elapsed / 1000, 3)}s`
}

/** `default` if there is none. May throw what the guest's toString throws. */
function labelOf(label: unknown): string {
  return label === undefined ? 'default' : domString(label)
}

function remember(map: Map<string, number>, label: string, value: number): void {
  if (mapSize(map) < LABELS_MAX || mapHas(map, label)) mapSet(map, label, value)
}

function logTime(label: unknown, method: string, args: readonly unknown[], end: boolean): void {
  const name = labelOf(label)
  const start = mapGet(timers, name)
  if (start === undefined) {
    write('warn', `No timer '${name}' for console.${method}()`)
    return
  }
  if (end) mapDelete(timers, name)
  write('info', args.length > 0 ? `${since(name, start)} ${format(args)}` : since(name, start))
}

function openGroup(label: readonly unknown[]): void {
  if (label.length > 0) write('info', format(label))
  if (groups < GROUPS_MAX) groups++
}

export const console = {
  assert(condition: unknown = false, ...data: unknown[]): void {
    if (condition) return
    if (typeof data[0] === 'string') data[0] = `Assertion failed: ${data[0]}`
    else if (data.length === 0) data[0] = 'Assertion failed'
    else return write('error', `Assertion failed: ${format(data)}`)
    write('error', format(data))
  },
  clear(): void {
    groups = 0
  },
  count(label: unknown = undefined): void {
    const name = labelOf(label)
    const count = (mapGet(counts, name) ?? 0) + 1
    remember(counts, name, count)
    write('info', `${name}: ${count}`)
  },
  countReset(label: unknown = undefined): void {
    const name = labelOf(label)
    if (mapHas(counts, name)) mapSet(counts, name, 0)
    else write('warn', `Count for '${name}' does not exist`)
  },
  debug(...data: unknown[]): void {
    write('debug', format(data))
  },
  dir(item: unknown = undefined, _options: unknown = undefined): void {
    write('info', inspect(item, DIR_DEPTH_MAX))
  },
  dirxml(...data: unknown[]): void {
    write('info', format(data))
  },
  error(...data: unknown[]): void {
    write('error', format(data))
  },
  group(...data: unknown[]): void {
    openGroup(data)
  },
  groupCollapsed(...data: unknown[]): void {
    openGroup(data)
  },
  groupEnd(): void {
    if (groups > 0) groups--
  },
  info(...data: unknown[]): void {
    write('info', format(data))
  },
  log(...data: unknown[]): void {
    write('info', format(data))
  },
  table(data: unknown = undefined, properties: unknown = undefined): void {
    write('info', formatTable(data, properties) ?? formatArgument(data))
  },
  time(label: unknown = undefined): void {
    const name = labelOf(label)
    if (mapHas(timers, name)) write('warn', `Label '${name}' already exists for console.time()`)
    else remember(timers, name, performanceNow())
  },
  timeEnd(label: unknown = undefined): void {
    logTime(label, 'timeEnd', [], true)
  },
  timeLog(label: unknown = undefined, ...data: unknown[]): void {
    logTime(label, 'timeLog', data, false)
  },
  trace(...data: unknown[]): void {
    const message = data.length > 0 ? `Trace: ${format(data)}` : 'Trace'
    write('info', message + callerStack())
  },
  warn(...data: unknown[]): void {
    write('warn', format(data))
  },
}

/** The lines of the stack below console's own. */
function callerStack(): string {
  const stack = readStack(new Error()) ?? ''
  let at = 0
  for (let line = 0; line < 3 && at >= 0; line++) at = stringIndexOf(stack, '\n', at + 1)
  return at < 0 ? '' : stringSlice(stack, at)
}

// A namespace's prototype is an empty object of its own.
setPrototypeOf(console, {})
defineNamespace('console', console)
