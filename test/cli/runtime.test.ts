import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import { finished, nextLine, start, vitrine } from './support.ts'

const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)

test('a runtime listens, is started again at its address when it dies, and ends with the command', async () => {
  const command = start(['runtime', '--listen', '127.0.0.1:0', '--prewarm', '0'])
  const done = finished(command)
  const line = await nextLine(command)
  const port = Number(/^A runtime listens on 127\.0\.0\.1:(\d+)\./.exec(line)![1])
  const [first] = childrenOf(command.pid!)

  process.kill(first!, 'SIGKILL')
  await once(command.stderr!, 'data')
  let again: Error | undefined
  do {
    const attempt = connect(port, '127.0.0.1')
    again = await once(attempt, 'connect').then(
      () => undefined,
      (error: Error) => error,
    )
    attempt.destroy()
  } while (again)
  const [second] = childrenOf(command.pid!)
  command.kill('SIGTERM')
  const { code, stderr } = await done

  assert.notEqual(second, first)
  assert.equal(code, 0)
  assert.match(stderr, /^The runtime ended \(SIGKILL\); starting another in 100 ms\n$/)
  assert.throws(() => process.kill(second!, 0))
})

test('a runtime off loopback needs a token, and every runtime an address', async () => {
  const open = await vitrine(['runtime', '--listen', '0.0.0.0:0'])
  const nowhere = await vitrine(['runtime'])

  assert.deepEqual([open.code, nowhere.code], [2, 2])
  assert.match(open.stderr, /^vitrine: A runtime off loopback needs a token: set VITRINE_TOKEN/)
  assert.match(nowhere.stderr, /^vitrine: vitrine runtime needs --listen H:P/)
})
