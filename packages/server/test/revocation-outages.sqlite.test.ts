import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { byEvent, type Mischief } from './network.ts'
import { becomes, outcomeOf, survivingServer, verifierOf, verifierProcess, watch } from './surviving.ts'

/** What a loaded machine may take for itself beyond what the policy allows. */
const patienceMilliseconds = 1_000
const stalenessMilliseconds = 2_000

test('a revocation holds when the server is killed and started again, and those of meanwhile are heard of', async () => {
  const server = await survivingServer()
  const [before, meanwhile, valid] = [await server.logIn(), await server.logIn(), await server.logIn()]
  server.connect()
  const verifier = await verifierProcess(server.url)
  await verifier.verify(meanwhile)
  await server.logOut(before)
  await becomes(verifier, before, 'AUTH_REVOKED')

  server.network.leadTo(undefined)
  await server.kill()
  const cutAt = performance.now()
  const watched = watch(verifier, meanwhile)
  const stays = watch(verifier, before)
  await server.restart()
  await server.logOut(meanwhile)
  await becomes(verifier, valid, 'REVOCATIONS_STALE')
  server.connect()

  await becomes(verifier, valid, 'accepted')
  expect(await outcomeOf(verifier, meanwhile)).toBe('AUTH_REVOKED')
  expect(watched.acceptedAfter(cutAt)).toBeLessThan(stalenessMilliseconds + patienceMilliseconds)
  expect(stays.outcomes()).not.toContain('accepted')
})

test('a verifier that is started again accepts nothing that was revoked before, from its first answer', async () => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  server.connect()
  const first = await verifierProcess(server.url)
  await first.verify(revoked)
  await server.logOut(revoked)
  await first.kill()
  await server.kill()
  await server.restart()
  server.connect()

  const verifier = await verifierProcess(server.url)

  expect(await Promise.all([revoked, valid].map((token) => outcomeOf(verifier, token)))).toEqual([
    'AUTH_REVOKED',
    'accepted',
  ])
})

test('a verifier that starts before the server accepts nothing until it has heard everything', async () => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  await server.logOut(revoked)
  await server.kill()
  const verifier = await verifierProcess(server.url)
  const watched = watch(verifier, revoked)
  const problem = async () => (await verifier.status()).revocations?.problem
  await expect.poll(problem).toMatch(/socket hang up|ECONNRESET/)

  await server.restart()
  server.connect()

  await becomes(verifier, valid, 'accepted')
  expect(watched.outcomes()).not.toContain('accepted')
})

test('a stream that is cut at any byte of an event loses no revocation and refuses no valid token', async () => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  const event = 'event: revoked\nid: 1\ndata: {"after":0,"lists":{"0":[65535]}}\n\n'
  const cuts = Array.from({ length: event.length + 1 }, (_, bytes) => bytes)
  const left = [...cuts]
  server.network.suffer({
    stream: (onward) => {
      const bytes = left.shift()
      return bytes === undefined ? onward.send : cutInRevocation(onward, bytes)
    },
  })
  server.connect()
  const verifiers = cuts.map(() => verifierOf(server.url, { maxStalenessSeconds: 30 }))
  await expect.poll(() => left.length, { timeout: 15_000 }).toBe(0)
  await Promise.all(verifiers.map((verifier) => verifier.verify(revoked)))

  await server.logOut(revoked)

  await Promise.all(verifiers.map((verifier) => becomes(verifier, revoked, 'AUTH_REVOKED')))
  const outcomes = await Promise.all(verifiers.map((verifier) => outcomeOf(verifier, valid)))
  expect(new Set(outcomes)).toEqual(new Set(['accepted']))
  await expect.poll(() => server.network.streamsOpened()).toBeGreaterThanOrEqual(2 * cuts.length)
})

/** Lets everything pass up to so many bytes of the first revocation. */
function cutInRevocation(onward: Parameters<NonNullable<Mischief['stream']>>[0], bytes: number) {
  return byEvent((event) => {
    if (!event.startsWith('event: revoked')) return onward.send(event)
    onward.send(event.slice(0, bytes))
    setImmediate(onward.cut)
  })
}

test.each<[string, Mischief]>([
  ['holds back what little comes', { stream: () => () => {} }],
  [
    'lets a stream through late',
    { stream: (onward) => (piece) => void setTimeout(1_500).then(() => onward.send(piece)) },
  ],
  [
    'closes connections that are idle',
    {
      stream: (onward) => {
        let idle = globalThis.setTimeout(onward.cut, 300)
        return (piece) => {
          clearTimeout(idle)
          onward.send(piece)
          idle = globalThis.setTimeout(onward.cut, 300)
        }
      },
    },
  ],
])('a proxy that %s lets nothing revoked live on, and refuses nothing valid', async (_, mischief) => {
  const server = await survivingServer()
  const [revoked, valid] = [await server.logIn(), await server.logIn()]
  server.network.suffer(mischief)
  server.connect()
  const verifier = verifierOf(server.url)
  await verifier.ready()
  const watched = { revoked: watch(verifier, revoked), valid: watch(verifier, valid) }
  await setTimeout(stalenessMilliseconds)

  const revokedAt = performance.now()
  await server.logOut(revoked)

  await becomes(verifier, revoked, 'AUTH_REVOKED')
  expect(watched.revoked.acceptedAfter(revokedAt)).toBeLessThan(stalenessMilliseconds + patienceMilliseconds)
  expect(watched.valid.outcomes()).toEqual(['accepted'])
})

const errorPage = {
  status: 200,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<!doctype html><title>We will be back soon</title>'),
}

test('a proxy that answers everything with a page makes tokens stale in time, and then all is well again', async () => {
  const server = await survivingServer()
  const [before, meanwhile, valid] = [await server.logIn(), await server.logIn(), await server.logIn()]
  server.connect()
  const verifier = verifierOf(server.url)
  await verifier.ready()
  await server.logOut(before)
  await becomes(verifier, before, 'AUTH_REVOKED')

  server.network.suffer({ answer: () => errorPage, stream: (onward) => () => onward.send(errorPage.body) })
  const watched = watch(verifier, meanwhile)
  const spoiltAt = performance.now()
  await server.logOut(meanwhile)
  await becomes(verifier, valid, 'REVOCATIONS_STALE')
  server.network.suffer({})

  await becomes(verifier, valid, 'accepted')
  expect(await Promise.all([before, meanwhile].map((token) => outcomeOf(verifier, token)))).toEqual([
    'AUTH_REVOKED',
    'AUTH_REVOKED',
  ])
  expect(watched.acceptedAfter(spoiltAt)).toBeLessThan(stalenessMilliseconds + patienceMilliseconds)
})

test('events that come twice, in another order or not at all lose no revocation and refuse nothing valid', async () => {
  const server = await survivingServer()
  const valid = await server.logIn()
  const tokens = await Promise.all(Array.from({ length: 30 }, server.logIn))
  server.network.suffer({ stream: shuffled(7) })
  server.connect()
  // Longer than a busy machine stands still.
  const maxStalenessSeconds = 10
  const verifier = verifierOf(server.url, { maxStalenessSeconds })
  await verifier.ready()
  const watched = watch(verifier, valid)

  for (const token of tokens) await server.logOut(token)

  const limit = maxStalenessSeconds * 1000 + patienceMilliseconds
  await Promise.all(tokens.map((token) => becomes(verifier, token, 'AUTH_REVOKED', limit)))
  expect(watched.outcomes()).toEqual(['accepted'])
})

/** Doubles, swaps and drops events by chance, of which the seed makes always the same. */
function shuffled(seed: number): NonNullable<Mischief['stream']> {
  let state = seed
  const chance = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
  return (onward) => {
    let kept = ''
    return byEvent((event) => {
      const luck = chance()
      if (luck < 0.25) return
      if (luck < 0.5) {
        kept += event
        return
      }
      onward.send(event + kept + (luck < 0.75 ? event : ''))
      kept = ''
    })
  }
}
