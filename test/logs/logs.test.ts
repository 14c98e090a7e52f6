import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type AppLogEvent,
  appLogChannel,
  deployChannel,
  instanceEndChannel,
  quarantineChannel,
  type RequestEvent,
  requestChannel,
  runtimeRestartChannel,
  storeChannel,
} from '../../src/channels.ts'
import { createLogger, type LogConfig } from '../../src/logs/logs.ts'

const CONFIG: LogConfig = {
  logLevel: 'info',
  logTextCharsMax: 1000,
  logBufferBytesMax: 2 ** 20,
  accessLogSample: 1,
  accessLogQuery: false,
}

const REQUEST: RequestEvent = {
  requestId: 'r-1',
  traceId: '',
  app: 'hello',
  version: 'v-1',
  outcome: 'ok',
  status: 200,
  method: 'GET',
  host: 'hello.localhost',
  url: '/path?token=secret',
  clientIp: '192.0.2.1',
  startedAt: 1_700_000_000_000,
  durationMs: 12.34567,
  ttfbMs: 12,
  queueMs: 0,
  cpuMs: 0.5,
  coldStart: false,
  retries: 0,
  bytesIn: 3,
  bytesOut: 11,
  disconnected: false,
}

const LINE: AppLogEvent = {
  app: 'hello',
  version: 'v-1',
  requestId: 'r-1',
  traceId: '',
  level: 'info',
  kind: 'console',
  message: 'hi',
  time: 1_700_000_000_000,
}

/** What is logged while `run` publishes, as text. */
async function logged(t: TestContext, run: () => void, config: Partial<LogConfig> = {}, terminal = false) {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-logs-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'log')
  {
    await using log = createLogger({ ...CONFIG, ...config }, { fd: openSync(file, 'w'), terminal })
    run()
    log.logger.debug('the end')
  }
  return readFileSync(file, 'utf8')
}

async function loggedLines(t: TestContext, run: () => void, config: Partial<LogConfig> = {}) {
  const text = await logged(t, run, config)
  return text.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
}

test('a request has one line, without its query', async t => {
  const lines = await loggedLines(t, () => requestChannel.publish(REQUEST))

  assert.deepEqual(lines, [
    {
      level: 'info',
      time: 1_700_000_000_012,
      kind: 'request',
      app: 'hello',
      version: 'v-1',
      outcome: 'ok',
      status: 200,
      method: 'GET',
      host: 'hello.localhost',
      path: '/path',
      requestId: 'r-1',
      durationMs: 12.346,
      cpuMs: 0.5,
      bytesIn: 3,
      bytes: 11,
      clientIp: '192.0.2.1',
    },
  ])
})

test('the query is shown to those who ask for it', async t => {
  const [line] = await loggedLines(t, () => requestChannel.publish(REQUEST), { accessLogQuery: true })

  assert.equal(line.path, '/path?token=secret')
})

test('of requests that went well a sample is logged, of others every one', async t => {
  const publish = () => {
    for (let n = 0; n < 100; n++) requestChannel.publish(REQUEST)
    requestChannel.publish({ ...REQUEST, outcome: 'exceededCpu', status: 503 })
    requestChannel.publish({ ...REQUEST, outcome: 'ok', status: 500 })
  }

  const lines = await loggedLines(t, publish, { accessLogSample: 0 })

  assert.deepEqual(
    lines.map(({ outcome, status, level }) => [outcome, status, level]),
    [
      ['exceededCpu', 503, 'error'],
      ['ok', 500, 'warn'],
    ],
  )
})

test('hostile text stays one value on one line', async t => {
  const hostile = '"}\n{"level":"fatal\u001b[2J\u0000\u0085\u009b\u2028\ud800\\é😀'
  const run = () => {
    requestChannel.publish({
      ...REQUEST,
      host: hostile,
      method: 'G"',
      url: `/${hostile}`,
      requestId: hostile,
    })
    appLogChannel.publish({ ...LINE, message: hostile })
  }

  const text = await logged(t, run)
  const [request, line] = await loggedLines(t, run)

  assert.equal(text.split('\n').length, 3)
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028]/)
  assert.equal(request.host, hostile)
  assert.equal(request.path, `/${hostile}`)
  assert.equal(request.requestId, hostile)
  assert.equal(line.message, hostile)
})

test('a terminal is not made to obey what an app says', async t => {
  const run = () => {
    appLogChannel.publish({ ...LINE, message: 'before\u001b]0;owned\u0007\rafter\u009b2J \\u001b[31m' })
    requestChannel.publish(REQUEST)
  }

  const text = await logged(t, run, {}, true)

  const plain = text.replace(/\u001b\[\d+m/g, '')
  assert.doesNotMatch(plain, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  assert.match(plain, /hello: before\\u001b\]0;owned\\u0007\\rafter\\u009b2J \\u001b\[31m/)
  assert.match(plain, /GET hello\.localhost\/path 200 ok 12\.346 ms/)
})

test('an app’s line says whose it is, and is cut off where it is too long', async t => {
  const lines = await loggedLines(t, () => {
    appLogChannel.publish(LINE)
    appLogChannel.publish({ ...LINE, level: 'debug', message: 'not shown' })
    appLogChannel.publish({
      ...LINE,
      level: 'error',
      kind: 'exception',
      requestId: '',
      message: 'x'.repeat(5000),
    })
  })

  assert.equal(lines.length, 2)
  assert.deepEqual(lines[0], {
    level: 'info',
    time: 1_700_000_000_000,
    kind: 'console',
    app: 'hello',
    version: 'v-1',
    requestId: 'r-1',
    message: 'hi',
  })
  assert.equal(lines[1].kind, 'exception')
  assert.equal('requestId' in lines[1], false)
  assert.equal(lines[1].message, `${'x'.repeat(1000)}… (4000 more)`)
})

test('the platform tells of deploys, kills, restarts, and once of a store that fails', async t => {
  const used = { cpuMs: 1, guiltyCpuMs: 1, heapBytes: 2, externalBytes: 3, message: 'too much' }
  const end = { app: 'hello', version: 'v-1', instance: 1, runtime: 'r1', ...used }
  const lines = await loggedLines(t, () => {
    deployChannel.publish({ app: 'hello', action: 'deploy', version: 'v-1', result: 'ok', durationMs: 1 })
    instanceEndChannel.publish({ ...end, reason: 'idle', lastLines: [] })
    instanceEndChannel.publish({ ...end, reason: 'exceededCpu', requestId: 'r-1', lastLines: ['last words'] })
    runtimeRestartChannel.publish({ runtime: 'r1', reason: 'rss', detail: 'too large', apps: ['hello'] })
    const held = { app: 'hello', deaths: 1 }
    quarantineChannel.publish({ ...held, change: 'quarantined', reason: 'rss', pauseMs: 1000 })
    quarantineChannel.publish({ ...held, change: 'released', reason: 'deploy', isKeptApart: false })
    quarantineChannel.publish({ ...held, change: 'released', reason: 'deploy', isKeptApart: true })
    for (const result of ['error', 'error', 'ok', 'ok'] as const) {
      storeChannel.publish({ operation: 'generation', result, durationMs: 1 })
    }
  })

  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ['info', 'deploy of hello: ok'],
      ['warn', 'an instance of hello ended: exceededCpu'],
      ['error', 'runtime r1 is replaced: rss'],
      ['error', 'hello brought a runtime down, and is quarantined'],
      ['info', 'hello is out of quarantine: deploy'],
      ['info', 'hello is out of quarantine: deploy, but kept apart for now'],
      ['error', 'the store fails: generation'],
      ['info', 'the store answers again'],
    ],
  )
  assert.deepEqual(lines[1].lastLines, ['last words'])
  assert.equal(lines[1].detail, 'too much')
  assert.equal(lines[1].requestId, 'r-1')
})

test('an unknown level is an error that names the known ones', () => {
  assert.throws(() => createLogger({ ...CONFIG, logLevel: 'loud' }), {
    code: 'CONFIG_INVALID',
    message: '--log-level must be one of debug, info, warn, error, not "loud"',
  })
})

/** Runs a program that logs to its stdout, and tells how it went on stderr. */
function spawnLogging(t: TestContext, ending: string): ChildProcess {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-logs-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const source = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)
  const program = join(directory, 'program.mts')
  writeFileSync(
    program,
    `import { createLogger } from ${source('logs/logs.ts')}
    import { logDropChannel, requestChannel } from ${source('channels.ts')}
    let dropped = 0
    let worstMs = 0
    logDropChannel.subscribe(({ count }) => { dropped += count })
    const log = createLogger(${JSON.stringify({ ...CONFIG, logBufferBytesMax: 400_000 })})
    for (let turn = 0; turn < 200; turn++) {
      const began = performance.now()
      for (let n = 0; n < 50; n++) requestChannel.publish(${JSON.stringify(REQUEST)})
      await new Promise(resolve => setImmediate(resolve))
      worstMs = Math.max(worstMs, performance.now() - began)
    }
    ${ending}
    console.error(JSON.stringify({ dropped, worstMs }))`,
  )
  return spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = ''
  for await (const chunk of stream!) all += chunk
  return all
}

test('a reader that never reads costs lines, not time, and does not keep the process', async t => {
  const child = spawnLogging(t, 'await log[Symbol.asyncDispose]()')
  t.after(() => child.kill('SIGKILL'))

  const { dropped, worstMs } = JSON.parse(await text(child.stderr))

  assert.ok(dropped > 5000 && dropped < 10_000, `${dropped} of 10000 lines were dropped`)
  assert.ok(worstMs < 500, `the event loop was held for ${worstMs} ms`)
})

test('a reader that has gone is no error', async t => {
  const child = spawnLogging(t, 'await log[Symbol.asyncDispose]()')
  child.stdout?.destroy()

  const { dropped } = JSON.parse(await text(child.stderr))

  assert.ok(dropped > 0)
})

test('what waits is written before a process that exits of a sudden has gone', async t => {
  const child = spawnLogging(t, 'log.logger.error("last words"); process.exit(3)')

  const output = await text(child.stdout)

  assert.match(output.split('\n').at(-2)!, /"message":"last words"/)
})
