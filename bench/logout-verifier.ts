/**
 * A verifier in a process of its own, for `logout.ts`, which verifies other tokens in the background.
 *
 *   node bench/logout-verifier.ts ISSUER    over IPC it takes tokens to watch, and says when each is refused
 */
import { createVerifier, TokenError } from '../packages/verify/src/index.ts'

type Wish = { live: string[] } | { watch: string }

const backgroundMilliseconds = 5
/** How long after the refusal it may be seen: this much is in the figures. */
const lookMilliseconds = 1

const verifier = createVerifier({ issuer: String(process.argv[2]) })
await verifier.ready()
let live: string[] = []
let at = 0
let watched: string | undefined

process.on('message', (wish: Wish) => {
  if ('live' in wish) live = wish.live
  else {
    verifier.verifyNow(wish.watch)
    watched = wish.watch
    process.send?.({ isWatching: true })
  }
})

setInterval(() => {
  at = (at + 1) % Math.max(live.length, 1)
  const token = live[at]
  if (token !== undefined) verifier.verifyNow(token)
}, backgroundMilliseconds)

setInterval(() => {
  if (watched === undefined || isAccepted(watched)) return
  watched = undefined
  // One clock for all processes of a machine.
  process.send?.({ refusedAt: Number(process.hrtime.bigint()) / 1e6 })
}, lookMilliseconds)

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
