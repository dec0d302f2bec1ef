/**
 * The promise of revocation, tried by chance: random logouts, cuts, restarts and mischief of the network against a model
 * of one line for each token. `npm run chaos:revocation` tries longer than the short form here.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { createVerifier, TokenError, type Verifier } from '@latchkey/verify'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createNodeServer } from '../src/http/node-listener.ts'
import { freshDatabase, lookInto } from '../src/testing/test-database.ts'
import { ada, callerOf, testHouse } from '../src/testing/test-house.ts'
import { type Answer, byEvent, type Mischief, openNetwork } from './network.ts'

const runs = Number(process.env['CHAOS_RUNS'] ?? 10)
/** Most of a run is waiting; more of them would make one another late on two cores. */
const worldsAtOnce = 3
/** Heartbeats come at this pace, not every two seconds, so that time passes faster: a proof is 15 of them long. */
const heartbeatMilliseconds = 66
const maxStalenessMilliseconds = 1_000
/** What a clock that is set back can add: a verifier reads its clocks all anew after this long. */
const leaseMilliseconds = 100
/** How long a loaded machine may take; a calm one takes half a second. */
const recoveryMilliseconds = 60_000

let pace: NodeJS.Timeout | undefined

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const keepPace = () => {
    vi.advanceTimersByTime(2_000)
    pace = globalThis.setTimeout(keepPace, heartbeatMilliseconds)
  }
  keepPace()
})

afterEach(() => {
  clearTimeout(pace)
  vi.useRealTimers()
})

/** What the promise is about: since when a token is revoked, and who has refused it for that. */
type TokenModel = { token: string; list: number; revokedAt: number | undefined; knownTo: Set<Verifier> }
type Model = { tokens: TokenModel[]; isServerUp: boolean; list: number; oldestList: number }
type World = Awaited<ReturnType<typeof openWorld>>
type Harm = Record<string, Mischief>
type Command = fc.AsyncCommand<Model, World>

/** A server, which can be started again, its network, and two verifiers whose clocks can be set. */
async function openWorld() {
  const network = await openNetwork()
  const settings = { DATABASE_URL: await freshDatabase(), PUBLIC_URL: network.url }
  let server = await start()
  const skews = [0, 0]
  const verifiers = [verifierAt(0), verifierAt(1)]

  async function start() {
    const house = await testHouse(settings)
    // The verifiers' clocks are real ones.
    house.clock.advance((Date.now() - house.clock.now()) / 1000)
    const listener = createNodeServer((request, environment) => house.app.fetch(request, environment))
    await once(listener.listen(0, '127.0.0.1'), 'listening')
    return { house, listener, port: (listener.address() as AddressInfo).port }
  }

  function verifierAt(at: number): Verifier {
    const now = () => Date.now() + (skews[at] ?? 0)
    return createVerifier({ issuer: network.url, maxStalenessSeconds: maxStalenessMilliseconds / 1000, now })
  }

  async function stopServer(): Promise<void> {
    network.leadTo(undefined)
    server.listener.closeAllConnections()
    await new Promise((done) => server.listener.close(done))
    await server.house.close()
  }

  await server.house.auth.signUp(ada)
  const database = lookInto(settings.DATABASE_URL)
  network.leadTo(server.port)

  return {
    network,
    database,
    verifiers,
    house: () => server.house,
    stopServer,
    async startServer() {
      server = await start()
      network.leadTo(server.port)
    },
    cut: () => network.leadTo(undefined),
    mend: () => network.leadTo(server.port),
    restartVerifier(at: number) {
      verifiers[at]?.close()
      verifiers[at] = verifierAt(at)
    },
    setClock: (at: number, milliseconds: number) => {
      skews[at] = milliseconds
    },
    async close(isServerUp: boolean) {
      for (const verifier of verifiers) verifier.close()
      if (isServerUp) await stopServer()
      await network.close()
    },
  }
}

/** What a verifier says at once; `waiting` where it has to wait for something, and accepts nobody. */
function outcomeNow(verifier: Verifier, token: string): string {
  try {
    return verifier.verifyNow(token) === undefined ? 'waiting' : 'accepted'
  } catch (error) {
    if (error instanceof TokenError) return error.code
    throw error
  }
}

/** The promise. */
function assertPromise({ tokens, oldestList }: Model, { verifiers }: World): void {
  for (const verifier of verifiers) {
    for (const each of tokens) {
      const askedAt = performance.now()
      const outcome = outcomeNow(verifier, each.token)
      const { revokedAt, knownTo, list } = each
      if (outcome === 'AUTH_REVOKED') {
        if (revokedAt === undefined && list >= oldestList) throw new Error('a valid token was refused as revoked')
        knownTo.add(verifier)
      } else if (outcome === 'accepted' && revokedAt !== undefined) {
        const milliseconds = Math.round(askedAt - revokedAt)
        if (knownTo.has(verifier)) throw new Error('a revoked token became valid again')
        if (milliseconds > maxStalenessMilliseconds + leaseMilliseconds) {
          throw new Error(`a revoked token was accepted ${milliseconds} ms later`)
        }
      } else if (!['accepted', 'waiting', 'REVOCATIONS_STALE'].includes(outcome)) {
        throw new Error(`a token was refused with ${outcome}`)
      }
    }
  }
}

/** Once nothing does harm any more, who is valid passes and who is revoked does not, at every verifier. */
async function assertRecovery(model: Model, world: World): Promise<void> {
  world.network.suffer({})
  if (model.isServerUp) world.mend()
  else await world.startServer()
  model.isServerUp = true
  const living = model.tokens.filter(({ list }) => list >= model.oldestList)
  const expected = living.map(({ revokedAt }) => (revokedAt === undefined ? 'accepted' : 'AUTH_REVOKED'))
  for (const verifier of world.verifiers) {
    const heard = () => ({ outcomes: living.map(({ token }) => outcomeNow(verifier, token)), ...verifier.status() })
    await expect.poll(heard, { timeout: recoveryMilliseconds, interval: 50 }).toMatchObject({ outcomes: expected })
  }
  assertPromise(model, world)
}

/** A command that looks at every token again when it is done. */
function command(name: string, run: (model: Model, world: World) => unknown, isPossible = (_: Model) => true): Command {
  return {
    check: isPossible,
    run: async (model, world) => {
      assertPromise(model, world)
      await run(model, world)
      assertPromise(model, world)
    },
    toString: () => name,
  }
}

const isUp = ({ isServerUp }: Model) => isServerUp

async function logIn(model: Model, { house }: World): Promise<void> {
  const { accessToken: token } = await house().auth.logIn(ada)
  model.tokens.push({ token, list: model.list, revokedAt: undefined, knownTo: new Set() })
}

async function logOut(model: Model, { house }: World, at: number): Promise<void> {
  const living = model.tokens.filter(({ revokedAt, list }) => revokedAt === undefined && list >= model.oldestList)
  const each = living[at % living.length]
  if (!each) return
  const caller = await callerOf(house(), each.token)
  await house().auth.logOut({ caller, scope: 'local', origin: ada.origin })
  each.revokedAt = performance.now()
}

/** From here on sessions are in the next list. */
function nextList(model: Model, { database }: World): void {
  model.list += 1
  database.numberSessionsFrom(model.list * 65_536 + 1)
}

/** As if the tokens of all lists but the newest had died. */
function endOldLists(model: Model, { database }: World): void {
  if (model.tokens.every(({ list }) => list < model.list)) return
  model.oldestList = model.list
  database.run(`update status_lists set expires_at = 0 where list < ${model.list}`)
}

async function stopServer(model: Model, world: World): Promise<void> {
  model.isServerUp = false
  await world.stopServer()
}

async function startServer(model: Model, world: World): Promise<void> {
  await world.startServer()
  model.isServerUp = true
}

const which = fc.nat({ max: 1 })

const calm = (harm: Harm) => [
  fc.constant(command('log in', logIn, isUp)),
  fc.nat({ max: 9 }).map((at) => command(`log out ${at}`, (model, world) => logOut(model, world, at), isUp)),
  fc.constantFrom(20, 150, 1_300).map((time) => command(`wait ${time} ms`, () => setTimeout(time))),
  fc
    .constantFrom(...Object.keys(harm))
    .map((name) => command(name, (_, { network }) => network.suffer(harm[name] ?? {}))),
]

const wild = (harm: Harm) => [
  ...calm(harm),
  ...calm(harm),
  fc.constant(command('cut', (_, world) => world.cut())),
  fc.constant(command('mend', (_, world) => world.mend(), isUp)),
  fc.constant(command('stop the server', stopServer, isUp)),
  fc.constant(command('start the server', startServer, ({ isServerUp }) => !isServerUp)),
  which.map((at) => command(`start verifier ${at} again`, (_, world) => world.restartVerifier(at))),
  fc
    .tuple(which, fc.constantFrom(-60_000, 0, 60_000))
    .map(([at, time]) => command(`set clock ${at} to ${time} ms`, (_, world) => world.setClock(at, time))),
  fc.constant(command('begin a list', nextList, isUp)),
  fc.constant(command('end old lists', endOldLists, isUp)),
  fc.constant(command('recover', assertRecovery)),
]

/** Does this to every event in turn: with a number in place of chance, so that a failure can be repeated. */
function inTurn(...deeds: ((event: string, keep: (event: string) => string) => string)[]): Mischief {
  let turn = 0
  return {
    stream: (onward) => {
      let kept = ''
      const keep = (event: string) => {
        kept += event
        return ''
      }
      return byEvent((event) => {
        const before = kept
        kept = ''
        turn += 1
        const sent = (deeds[turn % deeds.length] ?? pass)(event, keep)
        if (sent + before !== '') onward.send(sent + before)
      })
    },
  }
}

const pass = (event: string) => event

/** Honest, but careless: what it does can be found out. */
function carelessNetwork(): Harm {
  const stored = new Map<string, Answer & { at: number }>()
  return {
    'lose events': inTurn(pass, () => ''),
    'lose revocations': { stream: ({ send }) => byEvent((event) => event.startsWith('event: revoked') || send(event)) },
    'double events': inTurn(pass, (event) => event + event),
    'swap events': inTurn((event, keep) => keep(event), pass),
    'cut in the middle of events': {
      stream: (onward) => {
        let count = 0
        return byEvent((event) => {
          count += 1
          onward.send(count % 3 === 0 ? event.slice(0, event.length / 2) : event)
          if (count % 3 === 0) setImmediate(onward.cut)
        })
      },
    },
    'hold back the stream': { stream: () => () => {} },
    'forget the cursor': { request: ({ 'last-event-id': _, ...headers }) => headers },
    'spoil the cursor': {
      request: (headers) => ('last-event-id' in headers ? { ...headers, 'last-event-id': 'spoilt' } : headers),
    },
    'answer with a page': { answer: (_, answer) => ({ ...answer, status: 200, body: Buffer.from('<html>') }) },
    'answer from a cache': {
      answer: (path, answer) => {
        const known = stored.get(path) ?? { ...answer, at: performance.now() }
        if (answer.status === 200) stored.set(path, known)
        if (known.status !== 200) return answer
        const age = Math.ceil((performance.now() - known.at) / 1000)
        return { ...known, headers: { ...known.headers, age: String(age) } }
      },
    },
  }
}

/** Answers for ever as things stood once, as new: only TLS keeps such a one away, so the model must find it out. */
function lyingNetwork(): Harm {
  const stored = new Map<string, Answer>()
  const lie: Mischief = {
    stream: (onward) => {
      let cursor: string | undefined
      return byEvent((event) => {
        cursor ??= /^id: (\d+)$/m.exec(event)?.[1]
        if (event.startsWith('event: current')) onward.send(event.replace(/^id: \d+$/m, `id: ${cursor}`))
      })
    },
    answer: (path, answer) => {
      const known = stored.get(path) ?? answer
      if (answer.status === 200) stored.set(path, known)
      return known
    },
  }
  return { lie }
}

async function tryPromise(harmOf: () => Harm, possible: (harm: Harm) => fc.Arbitrary<Command>[], numRuns: number) {
  const harm = harmOf()
  const many = fc.commands<Model, World, false>(possible(harm), { maxCommands: 24, size: 'max' })
  const property = fc.asyncProperty(many, async (commands) => {
    const model: Model = { tokens: [], isServerUp: true, list: 0, oldestList: 0 }
    const world = await openWorld()
    try {
      for (let count = 0; count < 4; count += 1) await logIn(model, world)
      await fc.asyncModelRun(() => ({ model, real: world }), commands)
      await assertRecovery(model, world)
    } finally {
      await world.close(model.isServerUp)
    }
  })
  await fc.assert(property, { numRuns, endOnFailure: true })
}

test('no token is accepted longer than promised, and none refused that is valid, whatever happens', {
  timeout: 120_000 + runs * 20_000,
}, async () => {
  const kinds = Object.keys(carelessNetwork())
  const each = Math.ceil(runs / kinds.length)
  const only = (kind: string) => () => ({ 'let all pass': {}, [kind]: carelessNetwork()[kind] ?? {} })

  const rest = kinds.values()
  const work = async () => {
    for (const kind of rest) await tryPromise(only(kind), wild, each)
  }
  await Promise.all(Array.from({ length: worldsAtOnce }, work))
})

// Chance decides how soon: too long for every `npm test`.
test.runIf(runs >= 100)(
  'the model finds out a network that hides revocations and says that nothing is missing',
  {
    timeout: 600_000,
  },
  async () => {
    await expect(tryPromise(lyingNetwork, calm, 60)).rejects.toMatchObject({
      cause: { message: expect.stringMatching('a revoked token was accepted') },
    })
  },
)
