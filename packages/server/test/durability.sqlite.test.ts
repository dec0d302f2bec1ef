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

type Deeds = { signup: Step[]; logout: Step[]; next: Step[]; told: Step[] }

/**
 * Signs up and logs out, twice, at a server whose system calls are traced. Then another one does so on the same database,
 * which leaves out the sync, and the first tells its stream of that. Answers the steps of each deed.
 */
async function tracedDeeds(flags: string[] = []): Promise<Deeds> {
  const folder = temporaryFolder()
  const file = join(folder, 'trace')
  const [node = '', ...program] = byNode
  // -D: the server is our child and strace its own, so that signals reach the server.
  const strace = ['strace', '-D', '-f', '-qq', '-y', '-s', '64', '-e', `trace=${calls}`, '-o', file]
  const server = await serve({ folder, command: [...strace, node, ...flags, ...program] })
  const other = await serve({ folder, command: [node, ...withoutSync, ...program] })

  await signUpAndOut(server, 'ada')
  await signUpAndOut(server, 'bob')
  const leaving = new AbortController()
  const stream = await fetch(`${server.url}/api/auth/revocations`, { signal: leaving.signal })
  await signUpAndOut(other, 'eve')
  await untilRevoked(stream)
  leaving.abort()
  await server.stop()

  const trace = readFileSync(file, 'latin1').split('\n')
  const second = trace.findLastIndex((line) => line.includes('"POST /api/auth/logout'))
  return {
    signup: stepsBetween(trace, 'POST /api/auth/signup', 'HTTP/1.1 201'),
    logout: stepsBetween(trace, 'POST /api/auth/logout', 'HTTP/1.1 200'),
    next: stepsBetween(trace.slice(second), 'POST /api/auth/logout', 'HTTP/1.1 200'),
    told: stepsBetween(trace, 'GET /api/auth/revocations', 'event: revoked'),
  }
}

async function signUpAndOut({ request }: Awaited<ReturnType<typeof serve>>, name: string): Promise<void> {
  const body = { email: `${name}@example.com`, password: 'SecurePass123' }
  const signup = await request('/api/auth/signup', { body })
  const logout = await request('/api/auth/logout', { body: {}, token: signup.json().token })
  expect([signup.status, logout.status]).toEqual([201, 200])
}

async function untilRevoked(stream: Response): Promise<void> {
  let told = ''
  for await (const text of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    told += text
    if (told.includes('event: revoked')) return
  }
  throw new Error('The stream ended before it told of the logout')
}

/** The steps from the arrival of a request to its answer, each run of writes as one. */
function stepsBetween(trace: string[], request: string, answer: string): Step[] {
  const begin = trace.findIndex((line) => line.includes(`"${request}`))
  const end = trace.findIndex((line, at) => at > begin && line.includes(`"${answer}`))
  if (begin < 0 || end < 0) throw new Error(`Cannot find ${request} and its answer in the trace`)
  const steps = trace.slice(begin, end + 1).flatMap((line, at, lines) => stepOf(line, lines.slice(0, at)))
  return steps.filter((step, at) => step !== 'written' || steps[at - 1] !== 'written')
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
  test('signup and logout are written, synced to the disk and then answered, and what another process left out is synced before it is told', async () => {
    const { signup, logout, next, told } = await tracedDeeds()

    expect(signup.slice(-3)).toEqual(['written', 'synced', 'answered'])
    // The first logout syncs what others may have written before the start, and the next one its own deed alone.
    expect(logout).toEqual(['written', 'synced', 'synced', 'answered'])
    expect(next).toEqual(['written', 'synced', 'answered'])
    expect(told).toEqual(['answered', 'synced'])
  })

  test('without the sync signup and logout are answered as soon as they are written, and the trace shows it', async () => {
    const { signup, logout, told } = await tracedDeeds(withoutSync)

    expect(signup).toEqual(['written', 'answered'])
    expect(logout).toEqual(['written', 'answered'])
    expect(told).toEqual(['answered'])
  })
})
