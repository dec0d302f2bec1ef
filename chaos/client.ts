import { request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { Verifier } from '@latchkey/verify'
import type { Deed, DeedKind, Phase } from './history.ts'

/** A session as the client that opened it knows it. Each refresh gives it other tokens. */
export type HeldSession = {
  id: string
  account: string
  accessToken: string
  refreshToken: string
  /** What the refresh token was before it was refreshed, oldest first. */
  usedTokens: string[]
  /** Its client is done with it: a logout was asked for, or a refresh refused. */
  isOver: boolean
}

export type Account = { email: string; password: string; sessions: HeldSession[] }

/** Does deeds and writes each of them down. */
export type Client = {
  history: Deed[]
  /** All that anyone tried to make. */
  accounts: Account[]
  /** From now on deeds are of what comes after the storm. */
  enter(phase: Phase): void
  signUp(account: Account): Promise<Deed>
  logIn(account: Account): Promise<Deed>
  /** From an address of its own, where none is given. */
  guess(email: string, address?: string): Promise<Deed>
  refresh(session: HeldSession, token?: string): Promise<Deed>
  logOut(session: HeldSession, scope: 'local' | 'global'): Promise<Deed>
  look(session: HeldSession, at?: { node: string; url: string }): Promise<Deed>
  verify(session: HeldSession): Promise<Deed>
}

/** A client that waited longer has given up; when all is mended it waits for however busy the machine is. */
const patienceMilliseconds: Record<Phase, number> = { storm: 5_000, after: 30_000 }
/** After no answer, before whatever is next. */
const backOffMilliseconds = 100

type Answer = { status: number; requestId: string | undefined; body: Record<string, unknown> }
type Facts = Pick<Deed, 'account'> & Partial<Deed>

/** @param front where the product is asked */
export function clientOf({ front, verifier }: { front: string; verifier: Verifier }): Client {
  const history: Deed[] = []
  const accounts: Account[] = []
  let phase: Phase = 'storm'
  let addresses = 0

  /** Every ordinary client comes from an address of its own, so that only guesses meet a limit. */
  function freshAddress(): string {
    addresses += 1
    return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
  }

  async function record(
    kind: DeedKind,
    facts: Facts,
    act: (address: string) => Promise<Answer>,
  ): Promise<{ deed: Deed; body: Record<string, unknown> }> {
    const address = facts.address ?? freshAddress()
    const deed: Deed = {
      ...facts,
      kind,
      phase,
      address,
      startedAt: performance.now(),
      endedAt: Infinity,
      outcome: 'unknown',
    }
    history.push(deed)
    let body = {}
    try {
      const answer = await act(address)
      body = answer.body
      deed.status = answer.status
      deed.requestId = answer.requestId
      deed.code = (answer.body['error'] as { code?: string } | undefined)?.code
      deed.outcome = answer.status < 300 ? 'acknowledged' : answer.status < 500 ? 'refused' : 'unknown'
    } catch (error) {
      deed.code = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    }
    deed.endedAt = performance.now()
    if (deed.outcome === 'unknown') await setTimeout(backOffMilliseconds)
    return { deed, body }
  }

  const post = (path: string, body: object, token?: string) => (address: string) =>
    ask(`${front}/api/auth/${path}`, { method: 'POST', address, patience: patienceMilliseconds[phase], body, token })

  async function open(kind: 'signup' | 'login', account: Account): Promise<Deed> {
    const { email, password } = account
    const { deed, body } = await record(kind, { account: email }, post(kind, { email, password }))
    if (deed.outcome !== 'acknowledged') return deed

    const tokens = tokensOf(body)
    deed.session = sessionOf(tokens.accessToken)
    account.sessions.push({ id: deed.session, account: email, ...tokens, usedTokens: [], isOver: false })
    return deed
  }

  return {
    history,
    accounts,
    enter: (next) => {
      phase = next
    },
    signUp: (account) => {
      accounts.push(account)
      return open('signup', account)
    },
    logIn: (account) => open('login', account),

    guess: async (email, address = freshAddress()) => {
      const body = { email, password: 'Wrong-guess-1' }
      const { deed } = await record('guess', { account: email, address }, post('login', body))
      return deed
    },

    refresh: async (session, token = session.refreshToken) => {
      const facts = { account: session.account, session: session.id, presented: token }
      const { deed, body } = await record('refresh', facts, post('refresh', { refresh_token: token }))
      if (deed.outcome === 'refused') session.isOver = true
      if (deed.outcome !== 'acknowledged') return deed

      const tokens = tokensOf(body)
      deed.successor = tokens.refreshToken
      if (token === session.refreshToken) {
        session.usedTokens.push(token)
        Object.assign(session, tokens)
      }
      return deed
    },

    logOut: async (session, scope) => {
      session.isOver = true
      const facts = { account: session.account, session: session.id, scope }
      const { deed } = await record('logout', facts, post('logout', { scope }, session.accessToken))
      return deed
    },

    look: async (session, at) => {
      const facts = { account: session.account, session: session.id, node: at?.node }
      const { deed } = await record('look', facts, (address) =>
        ask(`${at?.url ?? front}/api/auth/me`, {
          method: 'GET',
          address,
          patience: patienceMilliseconds[phase],
          token: session.accessToken,
        }),
      )
      return deed
    },

    verify: async (session) => {
      const { deed } = await record('verify', { account: session.account, session: session.id }, () =>
        verifier.verify(session.accessToken).then(
          () => ({ status: 200, requestId: undefined, body: {} }),
          ({ status, code }: { status: number; code: string }) => ({
            status,
            requestId: undefined,
            body: { error: { code } },
          }),
        ),
      )
      return deed
    },
  }
}

type Question = { method: string; address: string; patience: number; body?: object; token?: string | undefined }

/** One request on a connection of its own, so that the proxy can give each to another node. */
function ask(url: string, { method, address, patience, body, token }: Question): Promise<Answer> {
  const signal = AbortSignal.timeout(patience)
  return new Promise((done, fail) => {
    const headers = {
      'x-forwarded-for': address,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
    const sent = request(url, { method, agent: false, headers, signal }, async (response) => {
      try {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        const requestId = response.headers['x-request-id']?.toString()
        done({ status: response.statusCode ?? 0, requestId, body: JSON.parse(text) })
      } catch (error) {
        fail(error)
      }
    })
    sent.on('error', fail).end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function tokensOf(body: Record<string, unknown>): { accessToken: string; refreshToken: string } {
  return { accessToken: String(body['access_token']), refreshToken: String(body['refresh_token']) }
}

function sessionOf(accessToken: string): string {
  const [, claims = ''] = accessToken.split('.')
  return JSON.parse(Buffer.from(claims, 'base64url').toString()).sid
}
