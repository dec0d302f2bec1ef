import { setTimeout } from 'node:timers/promises'
import type { Account, Client, HeldSession } from './client.ts'
import type { Chance } from './random.ts'

/** How often a client does what, of a hundred deeds. */
const shares = [
  ['sign up', 14],
  ['log in', 18],
  ['refresh', 24],
  ['refresh twice at once', 6],
  ['refresh with a token of long ago', 1],
  ['log out', 14],
  ['log out everywhere', 3],
  ['look', 10],
  ['look when it is over', 10],
] as const

type Choice = (typeof shares)[number][0]
type OnSession = Exclude<Choice, 'sign up' | 'log in'>

const logoutAttempts = 3
const guessPauseMilliseconds = 100
const guessedAddress = '203.0.113.7'
const guessedAccount = 'guessed@example.com'

/**
 * Clients that do one thing after the other until the signal, each with accounts of its own, and one who guesses. What a
 * client does is chosen by chance, and by what became of its deeds.
 */
export async function load(
  client: Client,
  chance: Chance,
  { clients, until }: { clients: number; until: AbortSignal },
) {
  const workers = Array.from({ length: clients }, (_, number) => work(client, chance.branch(number), { number, until }))
  await Promise.all([...workers, guessOn(client, until)])
}

async function work(
  client: Client,
  chance: Chance,
  { number, until }: { number: number; until: AbortSignal },
): Promise<void> {
  const own: Account[] = []
  let signups = 0

  /** Who got no answer finds out by a login whether the account is there. */
  async function signUp(): Promise<void> {
    signups += 1
    const account = {
      email: `c${number}-${signups}@example.com`,
      password: `Secure-${number}-${signups}`,
      sessions: [],
    }
    const { outcome } = await client.signUp(account)
    const isThere = outcome === 'unknown' ? (await client.logIn(account)).outcome : outcome
    if (isThere === 'acknowledged') own.push(account)
  }

  while (!until.aborted) {
    const account = chance.oneOf(own)
    const choice = pick(chance)
    if (!account || choice === 'sign up') {
      await signUp()
      continue
    }
    const wantsOver = choice === 'look when it is over'
    const session = chance.oneOf(account.sessions.filter(({ isOver }) => isOver === wantsOver))
    if (!session || choice === 'log in') await client.logIn(account)
    else await onSession[choice](client, session, account)
  }
}

const onSession: Record<OnSession, (client: Client, session: HeldSession, account: Account) => Promise<unknown>> = {
  refresh: (client, session) => client.refresh(session),
  'refresh twice at once': (client, session) => Promise.all([client.refresh(session), client.refresh(session)]),
  'refresh with a token of long ago': (client, session) => client.refresh(session, session.usedTokens[0]),
  'log out': (client, session) => logOut(client, session, 'local'),
  'log out everywhere': (client, session, { sessions }) => {
    for (const other of sessions) other.isOver = true
    return logOut(client, session, 'global')
  },
  look: (client, session) => Promise.all([client.look(session), client.verify(session)]),
  'look when it is over': (client, session) => Promise.all([client.look(session), client.verify(session)]),
}

/** Who got no answer asks again. */
async function logOut(client: Client, session: HeldSession, scope: 'local' | 'global'): Promise<void> {
  for (let attempt = 1; attempt <= logoutAttempts; attempt += 1) {
    const { outcome } = await client.logOut(session, scope)
    if (outcome !== 'unknown') return
  }
}

function pick(chance: Chance): Choice {
  let left = chance.fraction() * shares.reduce((sum, [, share]) => sum + share, 0)
  for (const [choice, share] of shares) {
    left -= share
    if (left < 0) return choice
  }
  return 'look'
}

/** Many accounts from one address, and one account from many addresses, in turns. */
export async function guess(client: Client, number: number): Promise<void> {
  await client.guess(`nobody-${number}@example.com`, guessedAddress)
  await client.guess(guessedAccount)
}

async function guessOn(client: Client, until: AbortSignal): Promise<void> {
  for (let number = 1; !until.aborted; number += 1) {
    await guess(client, number)
    await setTimeout(guessPauseMilliseconds)
  }
}
