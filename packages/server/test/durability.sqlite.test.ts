import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from './database-file.ts'
import { byNode, serve } from './processes.ts'

/** What of a deed can be seen from outside the process, in the order in which it happened. */
type Step = 'written' | 'synced' | 'answered'

const canTrace = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
const calls = 'read,readv,recvfrom,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync'

/** A server that leaves out the sync on which all hangs: what the tests must notice. */
const withoutSync = [
  '--import',
  `data:text/javascript,${encodeURIComponent(`
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    fs.fdatasync = (file, done) => setImmediate(done, null)
    syncBuiltinESMExports()`)}`,
]

/** Signs up and logs out at a server whose system calls are traced. Answers the steps of each deed. */
async function tracedDeeds(flags: string[] = []): Promise<{ signup: Step[]; logout: Step[] }> {
  const folder = temporaryFolder()
  const file = join(folder, 'trace')
  const [node = '', ...program] = byNode
  // -D: the server is our child and strace its own, so that signals reach the server.
  const strace = ['strace', '-D', '-f', '-qq', '-y', '-s', '64', '-e', `trace=${calls}`, '-o', file]
  const server = await serve({ folder, command: [...strace, node, ...flags, ...program] })
  const body = { email: 'ada@example.com', password: 'SecurePass123' }

  const signup = await server.request('/api/auth/signup', { body })
  const logout = await server.request('/api/auth/logout', { body: {}, token: signup.json().token })
  await server.stop()

  expect([signup.status, logout.status]).toEqual([201, 200])
  const trace = readFileSync(file, 'latin1').split('\n')
  return {
    signup: stepsBetween(trace, 'POST /api/auth/signup', 'HTTP/1.1 201'),
    logout: stepsBetween(trace, 'POST /api/auth/logout', 'HTTP/1.1 200'),
  }
}

/** The steps from the arrival of a request to its answer, each run of the same step as one. */
function stepsBetween(trace: string[], request: string, answer: string): Step[] {
  const begin = trace.findIndex((line) => line.includes(`"${request}`))
  const end = trace.findIndex((line, at) => at > begin && line.includes(`"${answer}`))
  if (begin < 0 || end < 0) throw new Error(`Cannot find ${request} and its answer in the trace`)
  const steps = trace.slice(begin, end + 1).flatMap((line, at, lines) => stepOf(line, lines.slice(0, at)))
  return steps.filter((step, at) => step !== steps[at - 1])
}

function stepOf(line: string, before: string[]): Step[] {
  if (/pwrite(64|v)\(\d+<[^>]*-wal>/.test(line)) return ['written']
  if (/"HTTP\/1\.1 /.test(line)) return ['answered']
  if (/(fsync|fdatasync)\(\d+<[^>]*-wal>\) += 0$/.test(line)) return ['synced']
  // A call that another thread's came between is told in two lines: it counts when it is done.
  const [, thread, call] = /^(\d+) +<\.\.\. (fsync|fdatasync) resumed>\) += 0$/.exec(line) ?? []
  const began = before.findLast((earlier) => thread && earlier.startsWith(`${thread} `))
  return began?.includes(`${call}(`) && began.includes('-wal>') ? ['synced'] : []
}

describe.skipIf(!canTrace)('under strace, which must be installed and allowed to trace', () => {
  test('signup and logout are written, synced to the disk and then answered, in this order', async () => {
    const { signup, logout } = await tracedDeeds()

    expect(signup.slice(-3)).toEqual(['written', 'synced', 'answered'])
    expect(logout.slice(-3)).toEqual(['written', 'synced', 'answered'])
  })

  test('signup and logout without the sync are answered as soon as they are written, and the trace shows it', async () => {
    const { signup, logout } = await tracedDeeds(withoutSync)

    expect(signup).toEqual(['written', 'answered'])
    expect(logout).toEqual(['written', 'answered'])
  })
})
