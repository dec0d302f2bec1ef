import { setTimeout } from 'node:timers/promises'
import { eachAtOnce } from '../bench/at-once.ts'
import type { Client, HeldSession } from './client.ts'
import type { Deed } from './history.ts'
import { endsOf } from './judge.ts'
import { guess } from './load.ts'
import { graceMilliseconds, type Site } from './site.ts'

const atOnce = 8
const patienceMilliseconds = 30_000
/** Of sessions that live, so many are refreshed once more, and so many shown an old token. */
const maxRefreshed = 500
const maxReplayed = 200
const maxAttempts = 10
/** More than any limit allows one node. */
const guesses = 15

/**
 * Asks for all that must hold now that nothing is broken: that each account can log in, that each session that was ended
 * is refused by every node and by the verifier, that the others can be refreshed, and that old refresh tokens are void.
 * Guesses at passwords go on.
 */
export async function prove(client: Client, { nodes, verifier }: Site): Promise<void> {
  client.enter('after')
  const givesUpAt = performance.now() + patienceMilliseconds
  while (verifier.status().revocations?.state !== 'fresh' && performance.now() < givesUpAt) await setTimeout(50)
  // Late effects of what nobody waited for any more come before, and no used token is within its grace.
  await setTimeout(graceMilliseconds + 500)
  const sessions = client.accounts.flatMap((account) => account.sessions)
  const ended = endsOf(client.history)
  const over = sessions.filter(({ id }) => ended.has(id))
  const living = sessions.filter(({ isOver }) => !isOver).slice(0, maxRefreshed)

  await eachAtOnce(client.accounts, atOnce, (account) => untilAnswered(() => client.logIn(account)))
  await eachAtOnce(over, atOnce, async (session) => {
    for (const { name, front } of nodes) {
      await untilAnswered(() => client.look(session, { node: name, url: `http://127.0.0.1:${front.port}` }))
    }
    await untilAnswered(() => client.verify(session))
    await untilAnswered(() => client.refresh(session))
  })
  await eachAtOnce(living, atOnce, (session) => untilAnswered(() => client.refresh(session)))
  for (let number = 1; number <= guesses; number += 1) await guess(client, number)
  await setTimeout(graceMilliseconds + 500)
  await eachAtOnce(living.filter(hasUsedToken).slice(0, maxReplayed), atOnce, (session) =>
    untilAnswered(() => client.refresh(session, session.usedTokens.at(-1))),
  )
}

/** A machine that is busy enough answers 503 with nothing broken. */
async function untilAnswered(ask: () => Promise<Deed>): Promise<void> {
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    const { outcome } = await ask()
    if (outcome !== 'unknown') return
  }
}

function hasUsedToken({ usedTokens }: HeldSession): boolean {
  return usedTokens.length > 0
}
