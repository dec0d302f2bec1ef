import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRate } from './rate.ts'

const windows = { second: 1, minute: 60, hour: 3_600, day: 86_400 } as const

test.each([
  ['off', 'off'],
  ['5/minute', { attempts: 5, windowSeconds: 60 }],
  ['1/second', { attempts: 1, windowSeconds: 1 }],
  ['1000/hour', { attempts: 1_000, windowSeconds: 3_600 }],
  ['999999999/day', { attempts: 999_999_999, windowSeconds: 86_400 }],
])('parseRate(%j) answers %j', (text, expected) => {
  const rate = parseRate(text)

  expect(rate).toEqual(expected)
})

test.each([
  '',
  '5',
  '/minute',
  '5/',
  '0/minute',
  '-5/minute',
  '+5/minute',
  '05/minute',
  '5.5/minute',
  '5 / minute',
  ' 5/minute',
  '5/minute ',
  '5/minute\n',
  '5/minutes',
  '5/Minute',
  '5/week',
  '5/constructor',
  '5/60',
  'Infinity/hour',
  'NaN/hour',
  '1e3/hour',
  '9999999999/hour',
  'OFF',
  'none',
])('parseRate(%j) answers undefined [ASVS 1.4.2]', (text) => {
  const rate = parseRate(text)

  expect(rate).toBeUndefined()
})

test('parseRate() reads back every rate that is written so', () => {
  const unit = fc.constantFrom(...(Object.keys(windows) as (keyof typeof windows)[]))
  const property = fc.property(fc.integer({ min: 1, max: 999_999_999 }), unit, (attempts, name) => {
    const rate = parseRate(`${attempts}/${name}`)
    return rate !== 'off' && rate?.attempts === attempts && rate.windowSeconds === windows[name]
  })

  fc.assert(property)
})

test('parseRate() answers whole positive numbers to anything, or undefined', () => {
  const nearly = fc.stringMatching(/^[-+0-9.eE]{0,12}\/(second|minute|hour|day)?$/)
  const property = fc.property(fc.oneof(nearly, fc.string()), (text) => {
    const rate = parseRate(text)
    return rate === undefined || rate === 'off' || (Number.isSafeInteger(rate.attempts) && rate.attempts > 0)
  })

  fc.assert(property, { numRuns: 2_000 })
})
