import { test } from 'node:test'
import { alternate, median, percentile, ratios, shown } from '../../bench/support/statistics.ts'

test('the median lies in the middle, or between the two in the middle', t => {
  t.assert.equal(median([9, 1, 5]), 5)
  t.assert.equal(median([4, 1, 3, 2]), 2.5)
})

test('a percentile is a number that was measured, and the highest one is the greatest', t => {
  const numbers = Array.from({ length: 200 }, (_, index) => 200 - index)

  t.assert.equal(percentile(numbers, 0.99), 198)
  t.assert.equal(percentile(numbers, 1), 200)
  t.assert.equal(percentile([7], 0.5), 7)
})

test('ratios are taken of pairs, so that a drift common to both sides does not show', t => {
  t.assert.deepEqual(ratios([10, 20, 40], [5, 10, 20]), { median: 2, min: 2, max: 2 })
})

test('figures are shown with their extremes and a comma between thousands', t => {
  t.assert.equal(shown({ median: 1234.56, min: 2, max: 3 }, 1), '1,234.6 (2.0–3.0)')
})

test('sides are measured in turn, and rounds take turns in who comes first', async t => {
  const order: string[] = []

  const measured = await alternate(['a', 'b'], 3, async side => order.push(side))

  t.assert.equal(order.join(''), 'abbaab')
  t.assert.deepEqual(measured, { a: [1, 4, 5], b: [2, 3, 6] })
})
