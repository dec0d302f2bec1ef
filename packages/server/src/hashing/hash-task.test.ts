import { expect, test } from 'vitest'
import { bcryptHash } from './bcrypt.ts'
import { carryOut, type HashTask } from './hash-task.ts'

const password = Buffer.from('SecurePass123', 'utf8')
const stored = bcryptHash(password, 4)
const dear = `$2b$09$${stored.slice(7)}`
const match: HashTask = { kind: 'match', password, stored, maxCost: 16, fillers: [] }

test('carryOut() hashes, and compares with what is stored', () => {
  const answers = [
    carryOut({ kind: 'hash', password, cost: 4 }),
    carryOut(match),
    carryOut({ ...match, password: Buffer.from('another') }),
  ]

  expect(answers).toEqual([{ hash: expect.stringMatching(/^\$2b\$04\$/) }, { matches: true }, { matches: false }])
})

test('carryOut() does not let what fills up the work match in place of what is stored', () => {
  const answer = carryOut({ ...match, stored: bcryptHash(Buffer.from('another'), 4), fillers: [stored] })

  expect(answer).toEqual({ matches: false })
})

test('carryOut() compares with each filler where the password does not match, and with none where it does', () => {
  const filled: HashTask = { ...match, fillers: [dear, dear] }
  const one = cpuMilliseconds({ ...match, stored: dear })

  const matching = cpuMilliseconds(filled)
  const differing = cpuMilliseconds({ ...filled, password: Buffer.from('another') })

  expect(matching).toBeLessThan(one / 2)
  expect(differing).toBeGreaterThan(one * 1.5)
})

test('carryOut() names a fault by its kind, and nothing of the password', () => {
  const answer = carryOut({ kind: 'hash', password, cost: 40 })

  expect(answer).toEqual({ fault: 'RangeError' })
})

/** The least of several: the time of this thread alone, whatever else the machine does. */
function cpuMilliseconds(task: HashTask): number {
  const times = Array.from({ length: 5 }, () => {
    const before = process.threadCpuUsage()
    carryOut(task)
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...times)
}
