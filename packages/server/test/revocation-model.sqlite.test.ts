/**
 * The promise of revocation, tried by chance: random logouts, cuts, restarts and mischief of the network against a model
 * of one line for each token. Server, network and verifiers are real ones, on real sockets, but all clocks and timers are
 * moved by hand: a slow machine makes a run take longer, and changes nothing of what it finds.
 *
 * `npm run chaos:revocation` tries longer than the short form here.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { createVerifier, TokenError, type Verifier } from '@latchkey/verify'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createNodeServer } from '../src/http/node-listener.ts'
import { freshDatabase, lookInto } from '../src/testing/test-database.ts'
import { ada, callerOf, testHouse } from '../src/testing/test-house.ts'
import { type Answer, byEvent, type Mischief, openNetwork } from './network.ts'

const runs = Number(process.env['CHAOS_RUNS'] ?? 10)
const stepMilliseconds = 500
/** Lists are polled at a quarter of it, heartbeats come every two seconds. */
const maxStalenessMilliseconds = 16_000
/** What a clock that is set back can add: a verifier reads its clocks all anew after this long. */
const leaseMilliseconds = 100
/** The longest back-off, a silence, and a poll. */
const recoveryMilliseconds = 20_000
/** How many turns of the event loop nothing may happen in before a step counts as done. */
const quietTurns = 12

beforeEach(() => {
  const time = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] as const
  vi.useFakeTimers({ toFake: [...time] })
})

afterEach(() => {
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

  /** Until what is on its way has arrived. Where that takes more turns, it arrives at a later step. */
  async function settle(): Promise<void> {
    for (let quiet = 0; quiet < quietTurns; ) {
      await setImmediate()
      quiet = network.answersToCome() === 0 && !isDiskBusy() ? quiet + 1 : 0
    }
  }

  await server.house.auth.signUp(ada)
  const database = lookInto(settings.DATABASE_URL)
  network.leadTo(server.port)

  return {
    network,
    database,
    verifiers,
    house: () => server.house,
    settle,
    stopServer,
    async startServer() {
      server = await start()
      network.leadTo(server.port)
    },
    /** Lets so much time pass, for everyone. */
    async pass(milliseconds: number) {
      vi.advanceTimersByTime(milliseconds)
      server.house.clock.advance(milliseconds / 1000)
      // As a request would: keys that are too old are fetched again for it.
      for (const verifier of verifiers) verifier.ready().catch(() => {})
      await settle()
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

/** Safety: who is revoked is refused in time, and for ever; who is not is never refused as revoked. */
function assertPromise({ tokens, oldestList }: Model, { verifiers }: World): void {
  for (const verifier of verifiers) {
    for (const { token, revokedAt, knownTo, list } of tokens) {
      const outcome = outcomeNow(verifier, token)
      if (outcome === 'AUTH_REVOKED') {
        if (revokedAt === undefined && list >= oldestList) throw new Error('a valid token was refused as revoked')
        knownTo.add(verifier)
      } else if (outcome === 'accepted' && revokedAt !== undefined) {
        const milliseconds = performance.now() - revokedAt
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

async function passSafely(model: Model, world: World, milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= stepMilliseconds) {
    await world.pass(Math.min(left, stepMilliseconds))
    assertPromise(model, world)
  }
}

const livingOf = ({ tokens, oldestList }: Model) => tokens.filter(({ list }) => list >= oldestList)

/** Whether every verifier judges every token as if it knew all. */
function areAllRight(model: Model, { verifiers }: World): boolean {
  const judge =
    ({ token, revokedAt }: TokenModel) =>
    (verifier: Verifier) =>
      outcomeNow(verifier, token) === (revokedAt === undefined ? 'accepted' : 'AUTH_REVOKED')
  return livingOf(model).every((each) => verifiers.every(judge(each)))
}

/** Liveness: once nothing does harm any more, all is right in time. Then it stays so, and a logout is heard at once. */
async function assertRecovery(model: Model, world: World): Promise<void> {
  world.network.suffer({})
  if (model.isServerUp) world.mend()
  else await startServer(model, world)

  let waited = 0
  while (!areAllRight(model, world)) {
    if (waited >= recoveryMilliseconds) throw new Error(`not all was right ${waited} ms after the last harm`)
    await passSafely(model, world, stepMilliseconds)
    waited += stepMilliseconds
  }
}

/** That nobody connects again or asks for lists shows that the stream alone is enough. */
async function assertCalm(model: Model, world: World): Promise<void> {
  const { network } = world
  await assertRecovery(model, world)
  await passSafely(model, world, recoveryMilliseconds)
  const before = [network.streamsOpened(), network.listsAsked()]

  await logIn(model, world)
  await logOut(model, world, model.tokens.length)
  await passSafely(model, world, stepMilliseconds)
  if (!areAllRight(model, world)) throw new Error('a logout was not heard of at once, though nothing does harm')
  await passSafely(model, world, maxStalenessMilliseconds / 2)

  const after = [network.streamsOpened(), network.listsAsked()]
  if (`${before}` !== `${after}`) throw new Error(`streams and lists were asked for again: ${before}, ${after}`)
}

/** A command that looks at every token again when it is done. */
function command(
  name: string,
  run: (model: Model, world: World) => unknown,
  isPossible: (model: Readonly<Model>) => boolean = () => true,
): Command {
  return {
    check: isPossible,
    run: async (model, world) => {
      await run(model, world)
      assertPromise(model, world)
      await world.settle()
      assertPromise(model, world)
    },
    toString: () => name,
  }
}

const isUp = ({ isServerUp }: Readonly<Model>) => isServerUp

async function logIn(model: Model, { house }: World): Promise<void> {
  const { accessToken: token } = await house().auth.logIn(ada)
  model.tokens.push({ token, list: model.list, revokedAt: undefined, knownTo: new Set() })
}

async function logOut(model: Model, { house }: World, at: number): Promise<void> {
  const loggedIn = livingOf(model).filter(({ revokedAt }) => revokedAt === undefined)
  const each = loggedIn[at % loggedIn.length]
  if (!each) return
  const caller = await callerOf(house(), each.token)
  await house().auth.logOut({ caller, scope: 'local', origin: ada.origin })
  each.revokedAt = performance.now()
}

/** Each by an event of its own, and no heartbeat between. */
async function logOutThree(model: Model, world: World): Promise<void> {
  for (let count = 0; count < 3; count += 1) {
    await logIn(model, world)
    await logOut(model, world, count)
    await world.settle()
  }
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

/** Of before the newest end: nothing is promised of whose end is undone, and all else is soon right again. */
async function putBackBackup(model: Model, world: World): Promise<void> {
  await assertRecovery(model, world)
  const newest = model.tokens.filter(({ revokedAt }) => revokedAt !== undefined).at(-1)
  if (!newest) return
  model.tokens = model.tokens.filter(({ revokedAt }) => revokedAt === undefined || revokedAt < (newest.revokedAt ?? 0))
  await stopServer(model, world)
  world.database.run(`
    delete from revocations where sequence = (select max(sequence) from revocations);
    update sqlite_sequence set seq = seq - 1 where name = 'revocations'`)
  await assertRecovery(model, world)
  await passSafely(model, world, maxStalenessMilliseconds)
  if (!areAllRight(model, world)) throw new Error('not all was right after a backup was put back')
}

/** The whole of what one mischief can do: it is there when sessions end, and stays for longer than anybody may be stale. */
async function endure(model: Model, world: World, mischief: Mischief): Promise<void> {
  await assertRecovery(model, world)
  world.network.suffer(mischief)
  await passSafely(model, world, 1.5 * maxStalenessMilliseconds)
  await logOutThree(model, world)
  await logOut(model, world, 0)
  await passSafely(model, world, maxStalenessMilliseconds + 2 * stepMilliseconds)
}

/** Asks for lists whether they have changed or not. */
const unconditional: NonNullable<Mischief['request']> = ({ 'if-none-match': _, ...headers }) => headers

/** Old lists, as if they were new, in place of the stream: whoever knows more can tell, and takes them for no proof. */
async function replayOld(model: Model, world: World, isReplayed: (path: string) => boolean): Promise<void> {
  const { network, verifiers } = world
  await assertRecovery(model, world)
  const stored = new Map<string, Answer>()
  const record = (path: string, answer: Answer) => {
    if (answer.status === 200 && isReplayed(path)) stored.set(path, answer)
    return answer
  }
  network.suffer({ stream: ({ cut }) => cut, request: unconditional, answer: record })
  await passSafely(model, world, maxStalenessMilliseconds / 2)
  await assertRecovery(model, world)
  await logIn(model, world)
  await logOut(model, world, model.tokens.length - 1)
  await assertRecovery(model, world)

  network.suffer({ stream: ({ cut }) => cut, answer: (path, answer) => stored.get(path) ?? answer })
  await passSafely(model, world, maxStalenessMilliseconds + stepMilliseconds)

  const states = verifiers.map((verifier) => verifier.status().revocations?.state)
  if (states.includes('fresh')) throw new Error('old lists were taken for a proof')
  network.suffer({})
}

/** A sync of the database, which takes as long as it takes while the clocks are moved by hand. */
const isDiskBusy = () => process.getActiveResourcesInfo().includes('FSReqCallback')

const isList = (path: string) => /\/status-lists\/\d+$/.test(path)

const which = fc.nat({ max: 1 })

const possible = (harm: Harm) => [
  ...[0, 1].flatMap(() => [
    fc.constant(command('log in', logIn, isUp)),
    fc.nat({ max: 9 }).map((at) => command(`log out ${at}`, (model, world) => logOut(model, world, at), isUp)),
    fc.constant(command('log out three', logOutThree, isUp)),
    fc
      .constantFrom(500, 2_000, 6_000, 18_000)
      .map((time) => command(`wait ${time} ms`, (model, world) => passSafely(model, world, time))),
    fc
      .constantFrom(...Object.keys(harm))
      .map((name) => command(name, (_, { network }) => network.suffer(harm[name] ?? {}))),
  ]),
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
  fc.constant(command('put back a backup', putBackBackup)),
  fc.constant(command('replay old lists', (model, world) => replayOld(model, world, isList))),
  fc.constant(command('replay old lists and addresses', (model, world) => replayOld(model, world, () => true))),
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
  const fromCache = (path: string, answer: Answer): Answer => {
    const known = stored.get(path) ?? { ...answer, at: performance.now() }
    if (answer.status === 200) stored.set(path, known)
    if (known.status !== 200) return answer
    const age = Math.ceil((performance.now() - known.at) / 1000)
    return { ...known, headers: { ...known.headers, age: String(age) } }
  }
  return {
    'lose events': inTurn(pass, () => ''),
    'lose revocations': { stream: ({ send }) => byEvent((event) => event.startsWith('event: revoked') || send(event)) },
    'lose every other revocation': {
      stream: ({ send }) => {
        let revocations = 0
        return byEvent((event) => {
          if (event.startsWith('event: revoked')) revocations += 1
          if (!event.startsWith('event: revoked') || revocations % 2 === 0) send(event)
        })
      },
    },
    'double events': inTurn(pass, (event) => event + event),
    'swap events': inTurn((event, keep) => keep(event), pass),
    'cut in the middle of events': {
      stream: (onward) => {
        let count = 0
        return byEvent((event) => {
          count += 1
          onward.send(count % 3 === 0 ? event.slice(0, event.length / 2) : event)
          if (count % 3 === 0) globalThis.setImmediate(onward.cut)
        })
      },
    },
    'hold back the stream': { stream: () => () => {} },
    'let the stream fall behind': {
      stream: (onward) => {
        let lateMilliseconds = 0
        return (piece) => {
          setTimeout(() => onward.send(piece), lateMilliseconds)
          lateMilliseconds += 1_500
        }
      },
    },
    'forget the cursor': { request: ({ 'last-event-id': _, ...headers }) => headers },
    'spoil the cursor': {
      request: (headers) => ('last-event-id' in headers ? { ...headers, 'last-event-id': 'spoilt' } : headers),
    },
    'answer with a page': { answer: (_, answer) => ({ ...answer, status: 200, body: Buffer.from('<html>') }) },
    'answer late': {
      answer: (_, answer) => new Promise((arrive) => void setTimeout(() => arrive(answer), 3_000)),
    },
    'answer from a cache': { request: unconditional, answer: fromCache },
    'answer from a cache, without a stream': {
      request: unconditional,
      answer: fromCache,
      stream: ({ cut }) => cut,
    },
  }
}

async function tryPromise(mischief: Mischief, { name, numRuns }: { name: string; numRuns: number }): Promise<void> {
  const harm = { 'let all pass': {}, [name]: mischief }
  const many = fc.commands<Model, World, false>(possible(harm), { maxCommands: 16, size: 'max' })
  const property = fc.asyncProperty(many, async (commands) => {
    const model: Model = { tokens: [], isServerUp: true, list: 0, oldestList: 0 }
    const world = await openWorld()
    try {
      for (let count = 0; count < 3; count += 1) await logIn(model, world)
      await endure(model, world, mischief)
      await fc.asyncModelRun(() => ({ model, real: world }), commands)
      await assertCalm(model, world)
    } finally {
      await world.close(model.isServerUp)
    }
  })
  await fc.assert(property, { numRuns, endOnFailure: true })
}

test('no token is accepted longer than promised, and none refused that is valid, whatever happens', {
  timeout: 600_000 + runs * 20_000,
}, async () => {
  const kinds = Object.entries(carelessNetwork())
  const numRuns = Math.ceil(runs / kinds.length)

  for (const [name, mischief] of kinds) await tryPromise(mischief, { name, numRuns })
})

/** Answers for ever as things stood once, as new: only TLS keeps such a one away. */
function lyingNetwork(): Mischief {
  const stored = new Map<string, Answer>()
  return {
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
}

test('the model finds out a network that hides revocations and says that nothing is missing', {
  timeout: 120_000,
}, async () => {
  const model: Model = { tokens: [], isServerUp: true, list: 0, oldestList: 0 }
  const world = await openWorld()
  world.network.suffer(lyingNetwork())
  await logIn(model, world)
  for (let waited = 0; waited < recoveryMilliseconds && !areAllRight(model, world); waited += stepMilliseconds) {
    await world.pass(stepMilliseconds)
  }
  await logOut(model, world, 0)

  const watching = passSafely(model, world, maxStalenessMilliseconds + recoveryMilliseconds)

  await expect(watching).rejects.toThrow('a revoked token was accepted')
  await world.close(true)
})
