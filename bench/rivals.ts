import { join } from 'node:path'
import { drive } from './drive.ts'
import { startHelper } from './helper.ts'
import { person, type Server, startLatchkey, startProgram } from './server.ts'
import type { Job, Outcome } from './storm.ts'

/** How a server of either product is started. */
export type Terms = {
  /** `none`: every password matches, at no cost. */
  hashes: 'real' | 'none'
  limits: boolean
  /** Nobody is refused because of how long the hashes take; of ours, since the other never refuses. */
  isPatient?: boolean
  /** bcrypt's, of ours. */
  cost: number
}

/** What an authentication server is asked for here, in the words of the product. */
export type Rival = {
  name: 'Latchkey' | 'Better Auth'
  start(terms: Terms): Promise<Server>
  logIn(email?: string): string
  signUp(email: string): string
  /** What a browser or an app keeps of the answer to a login. */
  sessionOf(answer: string): Session
  check(session: Session): string
  logOut(session: Session): string
  refresh(session: Session): string
}

export type Session = { access: string; refresh: string }

function request(method: string, path: string, headers: Record<string, string>, body?: object): string {
  const text = body ? JSON.stringify(body) : ''
  const typed = body ? { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) } : {}
  const lines = Object.entries({ Host: 'localhost', 'User-Agent': 'bench', Accept: '*/*', ...headers, ...typed })
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`
}

const bearer = ({ access }: Session) => ({ Authorization: `Bearer ${access}` })
const file = (name: string) => join(import.meta.dirname, name)

export const latchkey: Rival = {
  name: 'Latchkey',
  start: ({ hashes, limits, isPatient, cost }) =>
    startLatchkey(
      {
        ...(cost < 10 && { NODE_ENV: 'test' }),
        BCRYPT_COST: String(cost),
        ...(limits && { RATE_LIMIT_LOGIN: '5/minute' }),
        ...(isPatient && { HASH_MAX_WAIT: '30s' }),
      },
      hashes === 'none' ? ['--import', file('no-hash.ts')] : [],
    ),
  logIn: (email = person.email) => request('POST', '/api/auth/login', {}, { ...person, email }),
  signUp: (email) => request('POST', '/api/auth/signup', {}, { ...person, email }),
  sessionOf: (answer) => {
    const tokens = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))
    return { access: tokens.access_token, refresh: tokens.refresh_token }
  },
  check: (session) => request('GET', '/api/auth/me', bearer(session)),
  logOut: (session) => request('POST', '/api/auth/logout', bearer(session), {}),
  refresh: ({ refresh }) => request('POST', '/api/auth/refresh', {}, { refresh_token: refresh }),
}

// Its limiter takes the address from this header, and who sends a cookie must say from which page.
const fromBrowser = { 'X-Forwarded-For': '203.0.113.7', Origin: 'http://localhost' }
const cookie = ({ access }: Session) => ({ ...fromBrowser, Cookie: access })

export const betterAuth: Rival = {
  name: 'Better Auth',
  start: ({ hashes, limits }) =>
    startProgram((folder) => ({
      arguments: [file('better-auth.ts'), JSON.stringify({ folder, limits, hashes: hashes === 'real' })],
      settings: { NODE_ENV: 'production' },
    })),
  logIn: (email = person.email) => request('POST', '/api/auth/sign-in/email', fromBrowser, { ...person, email }),
  signUp: (email) => request('POST', '/api/auth/sign-up/email', fromBrowser, { ...person, email, name: 'Ada' }),
  sessionOf: (answer) => {
    const session = /set-cookie: (better-auth\.session_token=[^;]+)/i.exec(answer)?.[1] ?? ''
    return { access: session, refresh: session }
  },
  check: (session) => request('GET', '/api/auth/get-session', cookie(session)),
  logOut: (session) => request('POST', '/api/auth/sign-out', cookie(session), {}),
  // It has no refresh tokens: a session is traded for a new JWT.
  refresh: (session) => request('GET', '/api/auth/token', cookie(session)),
}

/** Two servers, or ours alone, started under the same terms, with one account each. */
export type Pair = AsyncDisposable & { each: readonly Contender[] }
export type Contender = { rival: Rival; server: Server }

export async function startPair(rivals: readonly Rival[], terms: Terms): Promise<Pair> {
  await using started = new AsyncDisposableStack()
  const each: Contender[] = []
  for (const rival of rivals) {
    const server = started.use(await rival.start(terms))
    await drive(server.port, [rival.signUp(person.email)])
    each.push({ rival, server })
  }
  const both = started.move()
  return { each, [Symbol.asyncDispose]: () => both.disposeAsync() }
}

type Rounds = { rounds: number; progress(text: string): void }

/** The figures of each contender, one for each round, in which they take turns. The first goes last the next time. */
export async function inTurns<Figure>(
  { each }: Pair,
  { rounds, progress }: Rounds,
  what: string,
  measure: (contender: Contender, round: number) => Promise<Figure>,
): Promise<Map<Rival['name'], Figure[]>> {
  const figures = new Map<Rival['name'], Figure[]>(each.map(({ rival }) => [rival.name, []]))
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of round % 2 === 1 ? each : each.toReversed()) {
      progress(`${what}, round ${round} of ${rounds}: ${contender.rival.name}`)
      figures.get(contender.rival.name)?.push(await measure(contender, round))
    }
  }
  return figures
}

/** Two at once: on a slow machine more would wait for their hashes longer than ours lets them. */
export async function openSessions({ rival, server }: Contender, count: number): Promise<Session[]> {
  const answers = await drive(server.port, Array<string>(count).fill(rival.logIn()), 2)
  return answers.map(({ text }) => rival.sessionOf(text))
}

/** Runs a load in a process of its own to its end. */
export async function load(job: Job): Promise<Outcome> {
  using helper = startHelper<Job, Outcome>('storm.ts')
  return await helper.run(job)
}
