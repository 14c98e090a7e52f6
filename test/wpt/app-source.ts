/** A test as an app: testharness.js in its shell mode, the scripts that the test names, and itself. */
import { readFileSync } from 'node:fs'
import { fileIn, type WptTest } from './checkout.ts'

export interface Subtest {
  name: string
  passed: boolean
  /** Why not; '' if it passed. */
  message: string
}

/** What the app answers. */
export interface Report {
  /** The harness' own word: an error or a timeout outside of any subtest; '' if there was none. */
  error: string
  subtests: [name: string, status: number, message: string][]
}

/** A report's `error` when the test has not ended in its time. */
export const TIMED_OUT = 'it timed out'

export interface Surroundings {
  checkout: string
  /** Where the checkout's files are served. */
  origin: string
  /** How long the test may take, in ms; what has not ended by then has timed out. */
  timeoutMs: number
}

/**
 * The app's script. It is in service-worker syntax because tests are sloppy scripts; all runs within the request,
 * since no app may fetch or set timers before.
 */
export function appSource(test: WptTest, { checkout, origin, timeoutMs }: Surroundings): string {
  const read = (path: string) => substituted(path, readFileSync(fileIn(checkout, path), 'utf8'), origin)
  const body = read(test.file)
  const settings = { url: `${origin}/${test.id}`, title: test.title, timeoutMs, timedOut: TIMED_OUT }
  const scripts = test.scripts.map(read)
  const isWholeStrict = isStrict(body) ? '"use strict";' : ''
  // No name of ours may be in scope where the test runs.
  return `(${install})(${JSON.stringify(settings)}, ${run}, () => {
${read('resources/testharness.js')}
}, function () {${isWholeStrict}
${[globalsOf(scripts), ...scripts, body].join('\n;\n')}
})
`
}

interface Settings {
  url: string
  title: string
  timeoutMs: number
  timedOut: string
}

/** Runs in the app, at its start. */
function install(settings: Settings, start: typeof run, harness: () => void, test: () => void): void {
  // Kept from the test, which may replace them.
  const { Response: Answer, setTimeout: wait } = globalThis
  const { stringify } = JSON
  const { addEventListener: listen } = globalThis as unknown as {
    addEventListener(
      type: string,
      listener: (event: { respondWith(answer: Promise<Response>): void }) => void,
    ): void
  }
  listen('fetch', event => {
    event.respondWith(start(settings, harness, test, wait).then(report => new Answer(stringify(report))))
  })
}

/** Runs in the app, within its request. */
function run(
  settings: Settings,
  harness: () => void,
  test: () => void,
  wait: (callback: () => void, ms: number) => unknown,
): Promise<Report> {
  interface Harness {
    add_completion_callback(
      callback: (
        tests: { name: string; status: number; message: string | null }[],
        status: { status: number; message: string | null },
      ) => void,
    ): void
    timeout(): void
  }
  const scope = globalThis as unknown as Record<string, unknown> & Harness
  const { WorkerGlobalScope, ServiceWorkerGlobalScope } = scope
  // Where these are, the harness takes itself for a service worker's, which is controlled by a page.
  delete scope.WorkerGlobalScope
  delete scope.ServiceWorkerGlobalScope
  scope.location = locationOf(new URL(settings.url))
  scope.META_TITLE = settings.title
  scope.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false }
  harness()
  if (WorkerGlobalScope !== undefined) scope.WorkerGlobalScope = WorkerGlobalScope
  if (ServiceWorkerGlobalScope !== undefined) scope.ServiceWorkerGlobalScope = ServiceWorkerGlobalScope
  if (!('DedicatedWorkerGlobalScope' in scope)) {
    // What idlharness.js looks at to know which interfaces to expect.
    const is = { value: (value: unknown) => value === globalThis }
    const DedicatedWorkerGlobalScope = Object.defineProperty(() => {}, Symbol.hasInstance, is)
    Object.defineProperty(scope, 'DedicatedWorkerGlobalScope', {
      value: DedicatedWorkerGlobalScope,
      configurable: true,
    })
  }
  function locationOf({ href, origin, protocol, host, hostname, port, pathname, search, hash }: URL) {
    return { href, origin, protocol, host, hostname, port, pathname, search, hash, toString: () => href }
  }
  return new Promise(resolve => {
    let error = ''
    scope.add_completion_callback((tests, status) => {
      if (status.status !== 0) error ||= status.message ?? settings.timedOut
      resolve({ error, subtests: tests.map(({ name, status, message }) => [name, status, message ?? '']) })
    })
    wait(() => scope.timeout(), settings.timeoutMs)
    try {
      Reflect.apply(test, globalThis, [])
    } catch (thrown) {
      error = `it threw ${thrown}`
      // What was set up before may still end; without any there is nothing to wait for.
      wait(() => scope.timeout(), 1000)
    }
  })
}

/** Functions of a script are global, as those in a function are not. */
function globalsOf(scripts: string[]): string {
  const found = scripts.flatMap(source => [...source.matchAll(/^(?:async )?function\*? (\w+)/gm)])
  const names = [...new Set(found.map(([, name]) => name))]
  return names.map(name => `if (typeof ${name} === 'function') globalThis.${name} = ${name}`).join('\n')
}

/** A script that says so at its head; its directive would be lost behind others. */
function isStrict(source: string): boolean {
  return /^(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*(['"])use strict\1/.test(source)
}

/** What wptserve would fill in. */
function substituted(path: string, source: string, origin: string): string {
  if (!/\.sub\./.test(path)) return source
  const { hostname, port, host } = new URL(origin)
  return source
    .replaceAll(/\{\{ports\[\w+\]\[\d+\]\}\}/g, port)
    .replaceAll('{{location[server]}}', origin)
    .replaceAll('{{location[host]}}', host)
    .replaceAll(/\{\{(?:host|(?:hosts\[\w*\]|domains)\[\w*\]|hosts\[\w*\]\[[^\]]*\])\}\}/g, hostname)
}
