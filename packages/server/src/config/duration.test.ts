import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDurationSeconds } from './duration.ts'

const tenYears = 3_650 * 86_400
const units = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

test.each([
  ['0', 0],
  ['0s', 0],
  ['0d', 0],
  ['1s', 1],
  ['10s', 10],
  ['15m', 900],
  ['24h', 86_400],
  ['30d', 2_592_000],
  ['3650d', tenYears],
  ['315360000s', tenYears],
])('parseDurationSeconds(%j) answers %i', (text, expected) => {
  const seconds = parseDurationSeconds(text)

  expect(seconds).toBe(expected)
})

test.each([
  '',
  '1',
  '24',
  's',
  '-1s',
  '+1s',
  '1.5h',
  '1,5h',
  '01s',
  '00',
  ' 1s',
  '1s ',
  '1 s',
  '1s\n',
  '1S',
  '1w',
  '1ms',
  '1h30m',
  'NaNs',
  'Infinitys',
  '1e9s',
  '0x10s',
  '\u0661s',
  '3651d',
  '315360001s',
  '999999999d',
  '9999999999s',
])('parseDurationSeconds(%j) answers undefined [ASVS 1.4.2]', (text) => {
  const seconds = parseDurationSeconds(text)

  expect(seconds).toBeUndefined()
})

test('parseDurationSeconds() reads back every duration of up to ten years that is written in its units', () => {
  const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]))
  const property = fc.property(fc.nat(tenYears), unit, (seconds, name) => {
    const count = Math.floor(seconds / units[name])
    return parseDurationSeconds(`${count}${name}`) === count * units[name]
  })

  fc.assert(property)
})

test('parseDurationSeconds() answers a whole number from 0 to ten years to anything, or undefined', () => {
  const digits = fc.stringMatching(/^[-+0-9.eE]{0,12}[smhdSMwy]?$/)
  const property = fc.property(fc.oneof(digits, fc.string()), (text) => {
    const seconds = parseDurationSeconds(text)
    return seconds === undefined || (Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= tenYears)
  })

  fc.assert(property, { numRuns: 2_000 })
})
