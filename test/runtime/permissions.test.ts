/** What is left to code that runs in a runtime process outside of every isolate. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { runtimeFlags } from '../../src/runtime/flags.ts'

let directory: string
let database: string

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitrine-test-'))
  database = join(directory, 'vitrine.db')
  await writeFile(database, 'secret')
})

after(() => rm(directory, { recursive: true }))

const ATTEMPTS = {
  'read the database': `await fs.promises.readFile(${'DATABASE'})`,
  'open the database': `new (require('node:sqlite').DatabaseSync)(${'DATABASE'})`,
  'read the machine’s users': `fs.readFileSync('/etc/passwd')`,
  'read another process’ environment': `fs.readFileSync('/proc/' + process.ppid + '/environ')`,
  'write a file': `fs.writeFileSync(${'DATABASE'} + '.new', '')`,
  'write where the platform’s code is': `fs.writeFileSync(process.cwd() + '/src/new.ts', '')`,
  'start a process': `require('node:child_process').execFileSync('true')`,
  'start a thread': `new (require('node:worker_threads').Worker)('1', { eval: true })`,
  'open an inspector': `require('node:inspector').open(0)`,
}

for (const [what, code] of Object.entries(ATTEMPTS)) {
  test(`a runtime process cannot ${what}`, async () => {
    const program = `const fs = require('node:fs'); (async () => { ${code.replace('DATABASE', JSON.stringify(database))} })()
      .then(() => 'done', error => error.code).then(result => { console.log(result); process.exit() })`

    const { stdout } = await promisify(execFile)(process.execPath, [...runtimeFlags(null), '--eval', program])

    assert.match(stdout.trim(), /^(?:ERR_ACCESS_DENIED|MODULE_NOT_FOUND|ERR_UNKNOWN_BUILTIN_MODULE)$/)
  })
}
