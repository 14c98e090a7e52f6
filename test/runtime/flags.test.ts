import assert from 'node:assert/strict'
import { test } from 'node:test'
import { v8PoolSize } from '../../src/runtime/flags.ts'

test('a runtime gets as many of V8’s threads as its starter, however that was told so', () => {
  assert.deepEqual(v8PoolSize(['--expose-gc', '--v8-pool-size=2']), ['--v8-pool-size=2'])
  assert.deepEqual(v8PoolSize(['--v8-pool-size', '2', '--expose-gc']), ['--v8-pool-size=2'])
  assert.deepEqual(v8PoolSize(['--v8_pool_size=0']), ['--v8-pool-size=0'])
  assert.deepEqual(v8PoolSize(['--expose-gc']), [])
})
