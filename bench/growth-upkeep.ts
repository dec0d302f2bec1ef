import { statSync } from 'node:fs'
import { runCommand, type Seeded, secondsToStart, subject } from './growth-subject.ts'
import { quantile } from './measure.ts'
import { atMost, type Finding, finding } from './report.ts'

const turns = 40
const loginsOfTurn = 50
const mostMillisecondsMore = 50
/** When every session that was seeded is over, and those who log in then log in by the same clock. */
const later = 60 * 86_400_000

/** How long logins take while expired rows are removed, in turn with logins while none are. */
export async function removeBesideLogins(many: Seeded): Promise<Finding[]> {
  const alone: number[] = []
  const beside: number[] = []
  let [removed, seconds] = [0, 0]
  for (let turn = 0; turn < turns; turn += 1) {
    const { logIn, anyEmail, expiry, close } = subject(many, () => Date.now() + later)
    // The first opens what is opened when it is needed.
    await logIn(anyEmail())
    const startedAt = performance.now()
    const removing = turn % 2 === 0 ? undefined : expiry.run()
    const times = removing ? beside : alone
    for (let login = 0; login < loginsOfTurn; login += 1) times.push((await logIn(anyEmail())).milliseconds)
    if (removing) seconds += (performance.now() - startedAt) / 1000
    removed += Object.values(expiry.removedRows()).reduce((sum, rows) => sum + rows, 0)
    await close()
    await removing
  }
  if (removed === 0) throw new Error('Cannot measure the removal: it removed nothing')

  const [without, within] = [quantile(alone, 0.99), quantile(beside, 0.99)]
  const what = `Login with its hash, p99: ${without.toFixed(1)} ms alone, ${within.toFixed(1)} ms beside the removal of expired rows, more`
  const slowest = `${Math.max(...beside).toFixed(0)} ms (alone ${Math.max(...alone).toFixed(0)} ms)`
  return [
    finding('Expired rows removed in a second, beside logins', (removed / seconds).toFixed(0)),
    atMost(what, within - without, mostMillisecondsMore, ' ms'),
    finding('The slowest login beside it', slowest),
  ]
}

/** How long a server takes to start, and what a migration adds to that which makes an index on all events. */
export async function start({ url }: Seeded, indexEvents: () => Promise<void>): Promise<Finding[]> {
  const seconds = await secondsToStart(url)
  const startedAt = performance.now()
  await indexEvents()
  const indexing = (performance.now() - startedAt) / 1000
  return [
    finding('Start, until the server listens', `${seconds.toFixed(1)} s`),
    finding('An index on all events, as a migration would make it at a start', `${indexing.toFixed(0)} s`),
  ]
}

/** How long the copy and the check of a file take. */
export async function backUpAndCheck({ url }: Seeded, copy: string): Promise<Finding[]> {
  const backingUp = await runCommand(url, ['backup', copy])
  const checking = await runCommand(url, ['check'])
  return [
    finding(`\`latchkey backup\`, of ${(statSync(copy).size / 1e9).toFixed(1)} GB`, `${backingUp.toFixed(0)} s`),
    finding('`latchkey check`', `${checking.toFixed(0)} s`),
  ]
}
