/**
 * A verifier in a process of its own, for `logout.ts`, which verifies other tokens in the background.
 *
 *   node bench/logout-verifier.ts ISSUER    over IPC it takes tokens to watch, and says when each is refused
 */
import { openSync, readSync } from 'node:fs'
import { createVerifier, TokenError } from '../packages/verify/src/index.ts'

type Wish = { live: string[] } | { watch: string }

const backgroundMilliseconds = 5
/** How long after the refusal it may be seen: this much is in the figures. */
const lookMilliseconds = 1
const schedulerFile =
  process.platform === 'linux' ? openSync(`/proc/self/task/${process.pid}/schedstat`, 'r') : undefined
const schedulerText = Buffer.alloc(100)

const verifier = createVerifier({ issuer: String(process.argv[2]) })
await verifier.ready()
let live: string[] = []
let at = 0
let watched: string | undefined
/** What this process had waited for a core when it last looked. */
let waitedAtLook = 0

process.on('message', (wish: Wish) => {
  if ('live' in wish) live = wish.live
  else {
    verifier.verifyNow(wish.watch)
    watched = wish.watch
    waitedAtLook = waited()
    process.send?.({ isWatching: true })
  }
})

setInterval(() => {
  at = (at + 1) % Math.max(live.length, 1)
  const token = live[at]
  if (token !== undefined) verifier.verifyNow(token)
}, backgroundMilliseconds)

setInterval(() => {
  if (watched === undefined) return
  const isRefused = !isAccepted(watched)
  // One clock for all processes of a machine.
  const seenAt = Number(process.hrtime.bigint()) / 1e6
  const waitedNow = waited()
  if (isRefused) {
    watched = undefined
    process.send?.({ refusedAt: seenAt, waitedMilliseconds: waitedNow - waitedAtLook })
  }
  waitedAtLook = waitedNow
}, lookMilliseconds)

/** For how many milliseconds in all this thread could have run and had no core, as Linux counts it; 0 elsewhere. */
function waited(): number {
  if (schedulerFile === undefined) return 0
  const text = schedulerText.toString('latin1', 0, readSync(schedulerFile, schedulerText, 0, schedulerText.length, 0))
  return Number(text.split(' ')[1]) / 1e6
}

function isAccepted(token: string): boolean {
  try {
    return verifier.verifyNow(token) !== undefined
  } catch (error) {
    if (error instanceof TokenError && error.code === 'AUTH_REVOKED') return false
    throw error
  }
}

process.on('disconnect', () => process.exit())
process.send?.({ isReady: true })
