import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { newId } from '../crypto/secrets.ts'
import type { ApiCredential, ApiCredentialId } from '../domain/api-credential.ts'
import { type AuditEvent, auditEvent } from '../domain/audit-event.ts'
import type { RefreshToken } from '../domain/refresh-token.ts'
import { Refusal } from '../domain/refusal.ts'
import type { NewSession, SessionId } from '../domain/session.ts'
import type { StoredSigningKey } from '../domain/signing-key.ts'
import type { Store } from '../domain/store.ts'
import type { User, UserId } from '../domain/user.ts'
import { engine, freshDatabase, openTestDatabase, temporaryFolder } from '../testing/test-database.ts'

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000
const logout = { at: now + 5, reason: 'logout' } as const
const page = { now, usedSince: now - day }

/** What every text of the product must survive, whatever engine it is kept in. */
const hostileTexts = [
  "'; drop table users; --",
  "' or '1'='1",
  '" or ""="',
  '%_%',
  '\\',
  "\\'; delete from users; --",
  '/* comment */ -- comment',
  "$1 ? :name @name ?1 ' || 'x",
  '{"$ne": ""}',
  'NULL',
  '0x00',
  '\u{1f511} \u4e2d \u00e9 e\u0301 \u202e',
  'a\r\nb\tc\u001b',
  'a\u0000b',
  ' spaces around ',
  '',
]

/** What `domain/store.ts` promises, asked of an engine. Every test opens a database of its own. */
function storeContract(engine: string, openFresh: () => Promise<Store>) {
  describe(`in ${engine}`, () => {
    test('users.insert() keeps a user, found by email and by id', async () => {
      const store = await openFresh()
      const user = userNamed('ada', { lastLoginAt: now + 1, isActive: false })

      const isInserted = await store.users.insert(user)

      expect(isInserted).toBe(true)
      expect(await store.users.findByEmail('ada@example.com')).toEqual(user)
      expect(await store.users.findById(user.id)).toEqual(user)
    })

    test('users.insert() keeps a user who never logged in as one', async () => {
      const store = await openFresh()

      const { ada } = await seeded(store)

      expect(await store.users.findById(ada.id)).toMatchObject({ lastLoginAt: undefined, isActive: true })
    })

    test('users.insert() answers false to an email that is taken, and changes nothing', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)

      const isInserted = await store.users.insert(userNamed('ada', { passwordHash: 'another' }))

      expect(isInserted).toBe(false)
      expect(await store.users.findByEmail(ada.email)).toEqual(ada)
    })

    test('users.insert() lets one of a hundred win who bring the same email at once [ASVS 15.4.2]', async () => {
      const store = await openFresh()

      const inserted = await Promise.all(Array.from({ length: 100 }, () => store.users.insert(userNamed('ada'))))

      expect(inserted.filter(Boolean)).toHaveLength(1)
      expect(await store.users.list({ afterEmail: undefined, limit: 100 })).toHaveLength(1)
    })

    test('users.findByEmail() and findById() answer undefined where there is none', async () => {
      const store = await openFresh()
      await seeded(store)

      const found = [await store.users.findByEmail('eve@example.com'), await store.users.findById(newId() as UserId)]

      expect(found).toEqual([undefined, undefined])
    })

    test('users.findOrDecoy() answers the account of this very email, and the decoy before, between and behind them', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const decoy = userNamed('decoy')
      const emails = [ada.email, 'aaa@example.com', 'ada@example.co', 'ada@example.com2', 'zoe@example.com']

      const found = await Promise.all(emails.map((email) => store.users.findOrDecoy(email, decoy)))

      const stranger = { user: decoy, isKnown: false }
      expect(found).toEqual([{ user: ada, isKnown: true }, stranger, stranger, stranger, stranger])
    })

    test('users.findByEmail() compares every character, wildcards too', async () => {
      const store = await openFresh()
      await seeded(store)

      const found = await Promise.all(
        ['ADA@example.com', 'ada@example.com ', 'ad_@example.com', '%'].map(store.users.findByEmail),
      )

      expect(found).toEqual([undefined, undefined, undefined, undefined])
    })

    test('users.list() pages in the order of the emails', async () => {
      const store = await openFresh()
      await Promise.all(['dan', 'ada', 'eve', 'bob', 'cyd'].map((name) => store.users.insert(userNamed(name))))

      const first = await store.users.list({ afterEmail: undefined, limit: 2 })
      const rest = await store.users.list({ afterEmail: first.at(-1)?.email, limit: 10 })

      expect([...first, ...rest].map(({ email }) => email.slice(0, 3))).toEqual(['ada', 'bob', 'cyd', 'dan', 'eve'])
      expect(first).toHaveLength(2)
    })

    test('users.recordLogin() notes the time of one user alone', async () => {
      const store = await openFresh()
      const { ada, bob } = await seeded(store)

      await store.users.recordLogin(ada.id, now + 9)

      expect(await store.users.findById(ada.id)).toEqual({ ...ada, lastLoginAt: now + 9 })
      expect(await store.users.findById(bob.id)).toEqual(bob)
    })

    test('users.replacePasswordHash() replaces the hash that it was told of', async () => {
      const store = await openFresh()
      const { ada, bob } = await seeded(store)

      const isReplaced = await store.users.replacePasswordHash(ada.id, { oldHash: ada.passwordHash, newHash: 'new' })

      expect(isReplaced).toBe(true)
      expect(await store.users.findById(ada.id)).toEqual({ ...ada, passwordHash: 'new' })
      expect(await store.users.findById(bob.id)).toEqual(bob)
    })

    test('users.replacePasswordHash() answers false where the hash is another by now', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)

      const isReplaced = await store.users.replacePasswordHash(ada.id, { oldHash: 'other', newHash: 'new' })

      expect(isReplaced).toBe(false)
      expect(await store.users.findById(ada.id)).toEqual(ada)
    })

    test('users.replacePasswordHash() lets one of many win at once', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const changes = Array.from({ length: 20 }, (_, at) => ({ oldHash: ada.passwordHash, newHash: `new ${at}` }))

      const replaced = await Promise.all(changes.map((change) => store.users.replacePasswordHash(ada.id, change)))

      expect(replaced.filter(Boolean)).toHaveLength(1)
    })

    test('users.setActive() answers whether it changed anything', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)

      const changes = [
        await store.users.setActive(ada.id, true),
        await store.users.setActive(ada.id, false),
        await store.users.setActive(ada.id, false),
        await store.users.setActive(ada.id, true),
        await store.users.setActive(newId() as UserId, false),
      ]

      expect(changes).toEqual([false, true, false, true, false])
      expect(await store.users.findById(ada.id)).toEqual(ada)
    })

    test('users.knowsNetwork() knows what was remembered of this user, and nothing else', async () => {
      const store = await openFresh()
      const { ada, bob } = await seeded(store)
      await store.users.rememberNetwork(ada.id, '192.0.2.1', now)
      await store.users.rememberNetwork(ada.id, '192.0.2.1', now + 1)

      const known = await Promise.all([
        store.users.knowsNetwork(ada.id, '192.0.2.1'),
        store.users.knowsNetwork(ada.id, '192.0.2.2'),
        store.users.knowsNetwork(bob.id, '192.0.2.1'),
        store.users.knowsNetwork(newId() as UserId, '192.0.2.1'),
      ])

      expect(known).toEqual([true, false, false, false])
    })

    test('sessions.insert() refuses a session of a user who does not exist', async () => {
      const store = await openFresh()

      const inserting = store.sessions.insert(sessionOf(newId() as UserId))

      await expect(inserting).rejects.toThrow()
    })

    test('sessions.insert() gives each session a number of its own, from 1 on, greater than all before', async () => {
      const store = await openFresh()
      const { ada, session, other } = await seeded(store)
      const undone = store.transaction(async (inside) => {
        await inside.sessions.insert(sessionOf(ada.id))
        throw new Error('undo')
      })
      await expect(undone).rejects.toThrow('undo')

      const third = await store.sessions.insert(sessionOf(ada.id))

      expect([session.number, other.number]).toEqual([1, 2])
      expect(third.number).toBeGreaterThan(2)
    })

    test('statusLists.live() answers the lists of sessions that may last beyond an instant', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)

      const lists = await Promise.all(
        [session.expiresAt - 1, session.expiresAt].map((at) => store.statusLists.live(at)),
      )

      expect(lists).toEqual([[0], []])
    })

    test('statusLists.live() goes by the session of a list that lasts longest, whichever began last', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)
      await store.sessions.insert(sessionOf(ada.id, { expiresAt: session.expiresAt + day }))
      await store.sessions.insert(sessionOf(ada.id, { expiresAt: session.expiresAt - day }))

      const live = await store.statusLists.live(session.expiresAt)

      expect(live).toEqual([0])
    })

    test('statusLists.seed() keeps the first of fifty that are brought at once', async () => {
      const store = await openFresh()
      const candidates = Array.from({ length: 50 }, (_, at) => `seed ${at}`)

      const seeds = await Promise.all(candidates.map((candidate) => store.statusLists.seed(candidate)))

      expect(new Set(seeds).size).toBe(1)
      expect(await store.statusLists.seed('late')).toBe(seeds[0])
    })

    test('sessions.findLive() answers the session and the profile of its user', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)

      const live = await store.sessions.findLive(session.id, now)

      const profile = { id: ada.id, email: ada.email, createdAt: ada.createdAt, lastLoginAt: undefined }
      expect(live).toEqual({ session, profile })
      expect(await store.sessions.findProfile(session.id, now)).toEqual(profile)
    })

    test('sessions.findLive() and findProfile() answer undefined to a session that is unknown, revoked, too old, or of a disabled user', async () => {
      const store = await openFresh()
      const { ada, bob, session, other } = await seeded(store)
      const disabled = sessionOf(bob.id)
      await store.sessions.insert(disabled)
      await store.sessions.revoke(other.id, logout)
      await store.users.setActive(bob.id, false)

      const asked: [SessionId, number][] = [
        [session.id, session.expiresAt - 1],
        [session.id, session.expiresAt],
        [other.id, now],
        [disabled.id, now],
        [newId() as SessionId, now],
      ]
      const live = await Promise.all(asked.map((given) => store.sessions.findLive(...given)))
      const profiles = await Promise.all(asked.map((given) => store.sessions.findProfile(...given)))

      const answered = [ada.id, undefined, undefined, undefined, undefined]
      expect(live.map((found) => found?.profile.id)).toEqual(answered)
      expect(profiles.map((profile) => profile?.id)).toEqual(answered)
    })

    test('sessions.recordUse() notes when a session was used, and until when its access token lives', async () => {
      const store = await openFresh()
      const { session, other } = await seeded(store)

      await store.sessions.recordUse(session.id, { at: now + 7, accessExpiresAt: now + 2 * day })

      const [used, unused] = await Promise.all([session, other].map(({ id }) => store.sessions.findLive(id, now)))
      expect(used?.session).toEqual({ ...session, lastUsedAt: now + 7, accessExpiresAt: now + 2 * day })
      expect(unused?.session).toEqual(other)
    })

    test('sessions.revoke() ends a session once, and publishes the end once', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)

      const ended = [await store.sessions.revoke(session.id, logout), await store.sessions.revoke(session.id, logout)]

      expect(ended).toEqual([true, false])
      expect(await published(store)).toEqual([session.id])
    })

    test('sessions.revoke() lets one of fifty end a session who try at once [ASVS 15.4.2]', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)

      const ended = await Promise.all(Array.from({ length: 50 }, () => store.sessions.revoke(session.id, logout)))

      expect(ended.filter(Boolean)).toHaveLength(1)
      expect(await published(store)).toEqual([session.id])
    })

    test('sessions.recordUse() with a shorter-lived token forgets nothing of a longer-lived one before', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)
      await store.sessions.recordUse(session.id, { at: now, accessExpiresAt: now + 7 * day })

      await store.sessions.recordUse(session.id, { at: now + 1, accessExpiresAt: now + 1000 })

      await store.sessions.revoke(session.id, logout)
      const [revocation] = await store.revocations.after(0, { now, limit: 10 })
      expect(revocation?.accessExpiresAt).toBe(now + 7 * day)
    })

    test('sessions.revoke() answers false to an unknown session, and publishes nothing', async () => {
      const store = await openFresh()

      const isEnded = await store.sessions.revoke(newId() as SessionId, logout)

      expect(isEnded).toBe(false)
      expect(await store.revocations.after(0, { now, limit: 10 })).toEqual([])
    })

    test('sessions.revoke() undone with its transaction ends and publishes nothing', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)

      const revoking = store.transaction(async (inside) => {
        await inside.sessions.revoke(session.id, logout)
        throw new Error('undo')
      })

      await expect(revoking).rejects.toThrow('undo')
      expect(await published(store)).toEqual([])
      expect(await store.sessions.findLive(session.id, now)).toBeDefined()
    })

    test('sessions.revokeAllOf() ends every live session of one user, and publishes each', async () => {
      const store = await openFresh()
      const { ada, bob, session, other } = await seeded(store)
      const bobs = sessionOf(bob.id)
      await store.sessions.insert(bobs)

      const count = await store.sessions.revokeAllOf(ada.id, logout)

      expect(count).toBe(2)
      expect((await published(store)).toSorted()).toEqual([session.id, other.id].toSorted())
      expect(await store.sessions.findLive(bobs.id, now)).toBeDefined()
    })

    test('sessions.revokeAllOf() spares one session when told to', async () => {
      const store = await openFresh()
      const { ada, session, other } = await seeded(store)

      const count = await store.sessions.revokeAllOf(ada.id, { ...logout, except: session.id })

      expect(count).toBe(1)
      expect(await published(store)).toEqual([other.id])
      expect(await store.sessions.findLive(session.id, now)).toBeDefined()
    })

    test('sessions.revokeAllOf() leaves what has ended before as it was', async () => {
      const store = await openFresh()
      const { ada, session, other } = await seeded(store)
      await store.sessions.revoke(session.id, logout)

      const count = await store.sessions.revokeAllOf(ada.id, logout)

      expect(count).toBe(1)
      expect(await published(store)).toEqual([session.id, other.id])
    })

    test('sessions.revokeAllOf() and revokePiece() leave what is too old as it was, and count only what they ended', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)
      const old = sessionOf(ada.id, { expiresAt: logout.at })
      await store.sessions.insert(old)

      const counts = [
        await store.sessions.revokeAllOf(ada.id, { ...logout, except: session.id }),
        await store.sessions.revokePiece({ after: 0, upTo: 9, limit: 9 }, logout),
      ]

      expect(counts).toEqual([1, { revoked: 1, next: undefined }])
      expect(await published(store)).not.toContain(old.id)
    })

    test('sessions.revokePiece() ends every live session of everyone once, and publishes each', async () => {
      const store = await openFresh()
      const { bob, session, other } = await seeded(store)
      const bobs = sessionOf(bob.id)
      await store.sessions.insert(bobs)
      await store.sessions.revoke(other.id, logout)

      const all = { after: 0, upTo: await store.sessions.newest(), limit: 10 }
      const counts = [await store.sessions.revokePiece(all, logout), await store.sessions.revokePiece(all, logout)]

      expect(counts.map(({ revoked }) => revoked)).toEqual([2, 0])
      expect((await published(store)).toSorted()).toEqual([session.id, other.id, bobs.id].toSorted())
      expect(await store.sessions.findLive(bobs.id, now)).toBeUndefined()
    })

    test('sessions.revokePiece() ends 1,200 sessions at once', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      await store.transaction(async (inside) => {
        for (let at = 0; at < 1_198; at++) await inside.sessions.insert(sessionOf(ada.id))
      })

      const { revoked } = await store.sessions.revokePiece({ after: 0, upTo: 1_200, limit: 1_201 }, logout)

      expect(revoked).toBe(1_200)
      expect(new Set(await published(store)).size).toBe(1_200)
    })

    test('sessions.revokePiece() walks over all sessions in their order, those that have ended too, and no further', async () => {
      const store = await openFresh()
      const { ada, session, other } = await seeded(store)
      const [third, fourth] = [
        await store.sessions.insert(sessionOf(ada.id)),
        await store.sessions.insert(sessionOf(ada.id)),
      ]
      await store.sessions.revoke(session.id, logout)
      const upTo = third.number

      const first = await store.sessions.revokePiece({ after: 0, upTo, limit: 2 }, logout)
      const second = await store.sessions.revokePiece({ after: first.next ?? 0, upTo, limit: 2 }, logout)

      expect([first, second]).toEqual([
        { revoked: 1, next: other.number },
        { revoked: 1, next: undefined },
      ])
      expect(await published(store)).toEqual([session.id, other.id, third.id])
      expect(await store.sessions.findLive(fourth.id, now)).toBeDefined()
    })

    test('sessions.newest() tells the number of the newest session, and 0 before the first', async () => {
      const store = await openFresh()
      const before = await store.sessions.newest()
      const { other } = await seeded(store)

      expect([before, await store.sessions.newest()]).toEqual([0, other.number])
    })

    test('sessions.listLiveOf() answers the live sessions of one user, every field, the newest use first', async () => {
      const store = await openFresh()
      const { ada, bob, session, other } = await seeded(store)
      await store.sessions.insert(sessionOf(bob.id))
      await store.sessions.recordUse(other.id, { at: now + 1, accessExpiresAt: other.accessExpiresAt })

      const listed = await store.sessions.listLiveOf(ada.id, { ...page, limit: 10 })

      expect(listed).toEqual({ sessions: [{ ...other, lastUsedAt: now + 1 }, session], count: 2 })
    })

    test('sessions.listLiveOf() leaves out what has ended and what is too old', async () => {
      const store = await openFresh()
      const { ada, session, other } = await seeded(store)
      await store.sessions.insert(sessionOf(ada.id, { expiresAt: now + 1 }))
      await store.sessions.revoke(other.id, logout)

      const listed = await store.sessions.listLiveOf(ada.id, { ...page, now: now + 1, limit: 10 })

      expect(listed).toEqual({ sessions: [session], count: 1 })
    })

    test('sessions.listLiveOf() leaves out what was not used for long, unless an access token still lives', async () => {
      const store = await openFresh()
      const { bob } = await seeded(store)
      const [idle, lively, used] = [
        sessionOf(bob.id, { lastUsedAt: now, accessExpiresAt: now + 5 }),
        sessionOf(bob.id, { lastUsedAt: now, accessExpiresAt: now + 6 }),
        sessionOf(bob.id, { lastUsedAt: now + 1, accessExpiresAt: now + 5 }),
      ]
      for (const each of [idle, lively, used]) await store.sessions.insert(each)

      const listed = await store.sessions.listLiveOf(bob.id, { now: now + 5, usedSince: now, limit: 10 })

      expect(listed).toMatchObject({ sessions: [used, lively], count: 2 })
    })

    test('sessions.listLiveOf() gives no more than the limit, and counts all', async () => {
      const store = await openFresh()
      const { bob } = await seeded(store)
      const sessions = Array.from({ length: 5 }, (_, at) => sessionOf(bob.id, { lastUsedAt: now + at }))
      for (const each of sessions) await store.sessions.insert(each)

      const listed = await store.sessions.listLiveOf(bob.id, { ...page, limit: 2 })

      expect(listed).toMatchObject({ sessions: [sessions[4], sessions[3]], count: 5 })
    })

    test('sessions.listLiveOf() answers an empty list to a user without a session', async () => {
      const store = await openFresh()
      const { bob } = await seeded(store)

      const listed = await store.sessions.listLiveOf(bob.id, { ...page, limit: 10 })

      expect(listed).toEqual({ sessions: [], count: 0 })
    })

    test('sessions.listLiveOf() keeps one order where uses share a millisecond', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const newer = sessionOf(ada.id, { createdAt: now + 1 })
      await store.sessions.insert(newer)

      const listed = await store.sessions.listLiveOf(ada.id, { ...page, limit: 10 })

      const [first, ...rest] = listed.sessions.map(({ id }) => id)
      expect(first).toBe(newer.id)
      expect(rest).toEqual(rest.toSorted())
    })

    test('sessions.revokeAllOf() ends 1,200 sessions at once', async () => {
      const store = await openFresh()
      const { bob } = await seeded(store)
      const sessions = Array.from({ length: 1_200 }, () => sessionOf(bob.id))
      await store.transaction(async (inside) => {
        for (const each of sessions) await inside.sessions.insert(each)
      })

      const count = await store.sessions.revokeAllOf(bob.id, logout)

      expect(count).toBe(1_200)
      expect(new Set(await published(store))).toEqual(new Set(sessions.map(({ id }) => id)))
    })

    test('revocations.after() pages in the order in which sessions ended, without what is dead of age', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const sessions = [1, 2, 3, 4].map((days) => sessionOf(ada.id, { accessExpiresAt: now + days * day }))
      for (const each of sessions) await store.sessions.insert(each)
      for (const { id } of sessions.toReversed()) await store.sessions.revoke(id, logout)

      const first = await store.revocations.after(0, { now: now + day, limit: 2 })
      const rest = await store.revocations.after(first.at(-1)?.sequence ?? 0, { now: now + day, limit: 10 })

      expect(first.map(({ sessionId }) => sessionId)).toEqual([sessions[3]?.id, sessions[2]?.id])
      expect(rest.map(({ accessExpiresAt }) => accessExpiresAt)).toEqual([now + 2 * day])
    })

    test('revocations.bounds() counts what is dead of age too', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const session = sessionOf(ada.id, { accessExpiresAt: now - day })
      await store.sessions.insert(session)
      const before = await store.revocations.bounds()

      await store.sessions.revoke(session.id, logout)

      expect([before.newest, (await store.revocations.bounds()).newest]).toEqual([0, 1])
    })

    test('refreshTokens.use() answers the session, and keeps the sealed successor', async () => {
      const store = await openFresh()
      const { session, digest } = await seeded(store)

      const sessionId = await store.refreshTokens.use(digest, { at: now + 1, successorSealed: 'sealed' })

      expect(sessionId).toBe(session.id)
      const used = await store.refreshTokens.findUsed(digest)
      expect(used).toEqual({ sessionId: session.id, usedAt: now + 1, successorSealed: 'sealed' })
    })

    test('refreshTokens.use() lets one of a hundred win who bring the same token at once [ASVS 15.4.2]', async () => {
      const store = await openFresh()
      const { session, digest } = await seeded(store)
      const uses = Array.from({ length: 100 }, (_, at) => ({ at: now, successorSealed: `sealed ${at}` }))

      const answers = await Promise.all(uses.map((use) => store.refreshTokens.use(digest, use)))

      expect(answers.filter((answer) => answer !== undefined)).toEqual([session.id])
      const winner = answers.indexOf(session.id)
      expect(await store.refreshTokens.findUsed(digest)).toMatchObject({ successorSealed: `sealed ${winner}` })
    })

    test.each([
      ['that is unknown', async () => {}, now, 'unknown'],
      ['that is too old', async () => {}, now + 2 * day, 'digest'],
      [
        'of a session that was revoked',
        (store: Store, { session }: Seed) => store.sessions.revoke(session.id, logout),
        now,
        'digest',
      ],
      ['of a disabled user', (store: Store, { ada }: Seed) => store.users.setActive(ada.id, false), now, 'digest'],
    ])(
      'refreshTokens.use() answers undefined to a token %s, and leaves it unused',
      async (_what, spoil, at, digest) => {
        const store = await openFresh()
        await spoil(store, await seeded(store))

        const sessionId = await store.refreshTokens.use(digest, { at, successorSealed: 'sealed' })

        expect(sessionId).toBeUndefined()
        expect(await store.refreshTokens.findUsed('digest')).toBeUndefined()
      },
    )

    test('refreshTokens.use() answers undefined to a living token of a session that is too old', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const old = sessionOf(ada.id, { expiresAt: now + day })
      await store.sessions.insert(old)
      await store.refreshTokens.insert({ digest: 'late', sessionId: old.id, createdAt: now, expiresAt: now + 9 * day })

      const answers = [
        await store.refreshTokens.use('late', { at: now + day, successorSealed: 'sealed' }),
        await store.refreshTokens.use('late', { at: now + day - 1, successorSealed: 'sealed' }),
      ]

      expect(answers).toEqual([undefined, old.id])
    })

    test('refreshTokens.find() tells how it stands with a token, as it was made, used, and when its session ends', async () => {
      const store = await openFresh()
      const { ada, session, digest } = await seeded(store)
      const stood = []

      stood.push(await store.refreshTokens.find(digest))
      await store.refreshTokens.use(digest, { at: now + 1, successorSealed: 'sealed' })
      stood.push(await store.refreshTokens.find(digest))
      await store.users.setActive(ada.id, false)
      stood.push(await store.refreshTokens.find(digest))
      await store.users.setActive(ada.id, true)
      await store.sessions.revoke(session.id, logout)
      stood.push(await store.refreshTokens.find(digest))

      const fresh = {
        isUsed: false,
        expiresAt: now + 2 * day,
        isSessionOpen: true,
        sessionExpiresAt: session.expiresAt,
      }
      const closed = { ...fresh, isUsed: true, isSessionOpen: false }
      expect(stood).toEqual([fresh, { ...fresh, isUsed: true }, closed, closed])
    })

    test('refreshTokens.find() answers undefined to a token that is unknown, whatever tokens there are', async () => {
      const store = await openFresh()
      const { digest } = await seeded(store)

      const found = await Promise.all(['', `${digest}0`, digest.slice(0, -1), '~'].map(store.refreshTokens.find))

      expect(found).toEqual([undefined, undefined, undefined, undefined])
    })

    test('refreshTokens.insert() refuses a second token of the same digest', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)

      const inserting = store.refreshTokens.insert({
        digest: 'digest',
        sessionId: session.id,
        createdAt: now,
        expiresAt: now + day,
      })

      await expect(inserting).rejects.toThrow()
    })

    test('refreshTokens.findLive() answers a token whose session lives, and whose it is', async () => {
      const store = await openFresh()
      const { ada, session, digest } = await seeded(store)

      const found = await store.refreshTokens.findLive(digest, now)

      expect(found).toEqual({
        token: { digest, sessionId: session.id, createdAt: now, expiresAt: now + 2 * day },
        usedAt: undefined,
        profile: { id: ada.id, email: ada.email, createdAt: now, lastLoginAt: undefined },
      })
    })

    test('refreshTokens.findLive() answers a token that was used, or is too old by itself, too', async () => {
      const store = await openFresh()
      const { digest } = await seeded(store)
      await store.refreshTokens.use(digest, { at: now + 1, successorSealed: 'sealed' })

      const found = await store.refreshTokens.findLive(digest, now + 3 * day)

      expect(found).toMatchObject({ usedAt: now + 1, token: { expiresAt: now + 2 * day } })
    })

    test('refreshTokens.findLive() answers undefined to a token that is unknown, or of a session that is ended, too old, or of a disabled user', async () => {
      const store = await openFresh()
      const { ada, other, digest } = await seeded(store)
      const ofEnded = { digest: 'of an ended session', sessionId: other.id, createdAt: now, expiresAt: now + day }
      await store.refreshTokens.insert(ofEnded)
      await store.sessions.revoke(other.id, logout)

      const found = [
        await store.refreshTokens.findLive('unknown', now),
        await store.refreshTokens.findLive(ofEnded.digest, now),
        await store.refreshTokens.findLive(digest, now + 30 * day),
      ]
      await store.users.setActive(ada.id, false)
      found.push(await store.refreshTokens.findLive(digest, now))

      expect(found).toEqual([undefined, undefined, undefined, undefined])
    })

    test('apiCredentials.insert() keeps a credential, found by digest and by name', async () => {
      const store = await openFresh()
      const tasks = apiNamed('tasks', { lastUsedAt: now + 1, revokedAt: now + 2 })

      const isInserted = await store.apiCredentials.insert(tasks)

      expect(isInserted).toBe(true)
      expect(await store.apiCredentials.findByDigest(tasks.digest)).toEqual(tasks)
      expect(await store.apiCredentials.findByName('tasks')).toEqual(tasks)
    })

    test('apiCredentials.insert() answers false to a name that is taken, by a revoked one too, and changes nothing', async () => {
      const store = await openFresh()
      const tasks = apiNamed('tasks')
      await store.apiCredentials.insert(tasks)
      await store.apiCredentials.revoke(tasks.id, now)

      const isInserted = await store.apiCredentials.insert(apiNamed('tasks', { digest: 'another' }))

      expect(isInserted).toBe(false)
      expect(await store.apiCredentials.list()).toEqual([{ ...tasks, revokedAt: now }])
    })

    test('apiCredentials.insert() lets one of fifty win who bring the same name at once [ASVS 15.4.2]', async () => {
      const store = await openFresh()
      const credentials = Array.from({ length: 50 }, (_, at) => apiNamed('tasks', { digest: `digest ${at}` }))

      const inserted = await Promise.all(credentials.map(store.apiCredentials.insert))

      expect(inserted.filter(Boolean)).toHaveLength(1)
    })

    test('apiCredentials.findByDigest() and findByName() answer undefined where there is none', async () => {
      const store = await openFresh()
      await store.apiCredentials.insert(apiNamed('tasks'))

      const found = [await store.apiCredentials.findByDigest('tasks'), await store.apiCredentials.findByName('task_')]

      expect(found).toEqual([undefined, undefined])
    })

    test('apiCredentials.list() answers every one in the order of the names', async () => {
      const store = await openFresh()
      for (const name of ['tasks', 'mail', 'notes']) await store.apiCredentials.insert(apiNamed(name))

      const listed = await store.apiCredentials.list()

      expect(listed.map(({ name }) => name)).toEqual(['mail', 'notes', 'tasks'])
    })

    test('apiCredentials.recordUse() notes the time of one alone', async () => {
      const store = await openFresh()
      const [tasks, mail] = [apiNamed('tasks'), apiNamed('mail')]
      for (const api of [tasks, mail]) await store.apiCredentials.insert(api)

      await store.apiCredentials.recordUse(tasks.id, now + 9)

      expect(await store.apiCredentials.list()).toEqual([mail, { ...tasks, lastUsedAt: now + 9 }])
    })

    test('apiCredentials.revoke() revokes one credential once, and keeps when', async () => {
      const store = await openFresh()
      const [tasks, mail] = [apiNamed('tasks'), apiNamed('mail')]
      for (const api of [tasks, mail]) await store.apiCredentials.insert(api)

      const revoked = [
        await store.apiCredentials.revoke(tasks.id, now),
        await store.apiCredentials.revoke(tasks.id, now + 1),
      ]

      expect(revoked).toEqual([true, false])
      expect(await store.apiCredentials.list()).toEqual([mail, { ...tasks, revokedAt: now }])
    })

    test('apiCredentials.revoke() lets one of twenty win at once', async () => {
      const store = await openFresh()
      const tasks = apiNamed('tasks')
      await store.apiCredentials.insert(tasks)

      const revoked = await Promise.all(Array.from({ length: 20 }, () => store.apiCredentials.revoke(tasks.id, now)))

      expect(revoked.filter(Boolean)).toHaveLength(1)
    })

    test('audit.append() keeps every field of an event', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)
      const event = eventOf(ada.id, {
        sessionId: session.id,
        failureReason: 'why',
        identifierDigest: 'digest',
      })

      await store.audit.append(event)

      expect(await store.audit.listOf(ada.id, { afterId: undefined, limit: 10 })).toEqual([event])
    })

    test('audit.listOf() answers the newest first, even of one millisecond, and of one user alone', async () => {
      const store = await openFresh()
      const { ada, bob } = await seeded(store)
      const events = Array.from({ length: 5 }, () => eventOf(ada.id))
      for (const event of events) await store.audit.append(event)
      await store.audit.append(eventOf(bob.id))
      await store.audit.append(eventOf(undefined))

      const listed = await store.audit.listOf(ada.id, { afterId: undefined, limit: 10 })

      expect(listed).toEqual(events.toReversed())
    })

    test('audit.listOf() pages without gap or repeat while events are added', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const events = Array.from({ length: 5 }, () => eventOf(ada.id))
      for (const event of events) await store.audit.append(event)
      const first = (await store.audit.listOf(ada.id, { afterId: undefined, limit: 2 })) ?? []
      await store.audit.append(eventOf(ada.id))

      const rest = await store.audit.listOf(ada.id, { afterId: first.at(-1)?.id, limit: 10 })

      expect([...first, ...(rest ?? [])]).toEqual(events.toReversed())
    })

    test('audit.listOf() answers undefined to a cursor that is unknown or of another user', async () => {
      const store = await openFresh()
      const { ada, bob } = await seeded(store)
      const bobs = eventOf(bob.id)
      await store.audit.append(bobs)
      await store.audit.append(eventOf(ada.id))

      const pages = await Promise.all(
        [bobs.id, newId(), ''].map((afterId) => store.audit.listOf(ada.id, { afterId, limit: 10 })),
      )

      expect(pages).toEqual([undefined, undefined, undefined])
    })

    test('audit.tally() adds up what falls into one window, and begins another', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const [first, second, third] = [2, 3, 1].map((count) => ({ ...eventOf(ada.id), count }))
      await store.audit.tally([{ windowKey: 'window', event: first ?? eventOf(ada.id) }])
      await store.audit.tally([{ windowKey: 'window', event: second ?? eventOf(ada.id) }])
      await store.audit.tally([{ windowKey: 'another', event: third ?? eventOf(ada.id) }])

      const listed = await store.audit.listOf(ada.id, { afterId: undefined, limit: 10 })

      expect(listed).toEqual([third, { ...first, count: 5 }])
    })

    test('audit.tally() loses nothing of a hundred at once', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)

      await Promise.all(
        Array.from({ length: 100 }, () => store.audit.tally([{ windowKey: 'window', event: eventOf(ada.id) }])),
      )

      const listed = await store.audit.listOf(ada.id, { afterId: undefined, limit: 10 })
      expect(listed?.map(({ count }) => count)).toEqual([100])
    })

    test('signingKeys.insertFirst() keeps the first key of an installation and no second', async () => {
      const store = await openFresh()

      const inserted = [
        await store.signingKeys.insertFirst(keyNamed('a')),
        await store.signingKeys.insertFirst(keyNamed('b')),
      ]

      expect(inserted).toEqual([true, false])
      expect(await store.signingKeys.list()).toEqual([keyNamed('a')])
    })

    test('signingKeys.insertFirst() lets one of twenty win at once', async () => {
      const store = await openFresh()
      const keys = Array.from({ length: 20 }, (_, at) => keyNamed(`key ${at}`))

      const inserted = await Promise.all(keys.map((key) => store.signingKeys.insertFirst(key)))

      expect(inserted.filter(Boolean)).toHaveLength(1)
      expect(await store.signingKeys.list()).toHaveLength(1)
    })

    test('signingKeys.list() answers the oldest first', async () => {
      const store = await openFresh()
      const keys = [keyNamed('new', now + 2), keyNamed('old', now), keyNamed('middle', now + 1)]
      for (const key of keys) await store.signingKeys.insert(key)

      const listed = await store.signingKeys.list()

      expect(listed).toEqual([keys[1], keys[2], keys[0]])
    })

    test('transaction() answers what its work answers, and keeps all of it', async () => {
      const store = await openFresh()

      const answer = await store.transaction(async (inside) => {
        await inside.users.insert(userNamed('ada'))
        await inside.users.insert(userNamed('bob'))
        return 'done'
      })

      expect(answer).toBe('done')
      expect(await store.users.list({ afterEmail: undefined, limit: 10 })).toHaveLength(2)
    })

    test('transaction() undoes everything when a refusal is thrown inside, the audit line too', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)

      const refused = store.transaction(async (inside) => {
        await inside.users.insert(userNamed('eve'))
        await inside.users.recordLogin(ada.id, now + 1)
        await inside.users.rememberNetwork(ada.id, '192.0.2.1', now)
        await inside.sessions.insert(sessionOf(ada.id))
        await inside.sessions.revoke(session.id, logout)
        await inside.audit.append(eventOf(ada.id))
        await inside.audit.tally([{ windowKey: 'window', event: eventOf(ada.id) }])
        await inside.signingKeys.insert(keyNamed('a'))
        throw new Refusal('AUTH_FAILED')
      })

      await expect(refused).rejects.toBeInstanceOf(Refusal)
      expect(await store.users.findByEmail('eve@example.com')).toBeUndefined()
      expect(await store.users.findById(ada.id)).toEqual(ada)
      expect(await store.users.knowsNetwork(ada.id, '192.0.2.1')).toBe(false)
      expect(await store.sessions.findLive(session.id, now)).toBeDefined()
      expect(await store.audit.listOf(ada.id, { afterId: undefined, limit: 10 })).toEqual([])
      expect(await store.signingKeys.list()).toEqual([])
      expect(await published(store)).toEqual([])
    })

    test('transaction() that is undone takes no neighbour with it', async () => {
      const store = await openFresh()
      const undone = store.transaction(async (inside) => {
        await inside.users.insert(userNamed('ada'))
        await inside.users.findByEmail('ada@example.com')
        throw new Error('undo')
      })

      const outcomes = await Promise.allSettled([
        undone,
        store.users.insert(userNamed('bob')),
        store.users.insert(userNamed('cyd')),
      ])

      expect(outcomes).toMatchObject([{ reason: { message: 'undo' } }, { value: true }, { value: true }])
      const kept = await store.users.list({ afterEmail: undefined, limit: 10 })
      expect(kept.map(({ email }) => email)).toEqual(['bob@example.com', 'cyd@example.com'])
    })

    test('transaction() hides what it has not kept yet', async () => {
      const store = await openFresh()

      const working = store.transaction(async (inside) => {
        await inside.users.insert(userNamed('ada'))
        await inside.users.findByEmail('ada@example.com')
        throw new Error('undo')
      })
      const seen = store.users.findByEmail('ada@example.com')

      await expect(working).rejects.toThrow('undo')
      expect(await seen).toBeUndefined()
    })

    test('transaction() of hundreds at once keeps every one', async () => {
      const store = await openFresh()
      const names = Array.from({ length: 200 }, (_, at) => `user${at}`)

      await Promise.all(
        names.map((name) =>
          store.transaction(async (inside) => {
            const user = userNamed(name)
            await inside.users.insert(user)
            await inside.audit.append(eventOf(user.id))
          }),
        ),
      )

      expect(await store.users.list({ afterEmail: undefined, limit: 1_000 })).toHaveLength(200)
    })

    test.each(hostileTexts)('every text field gives back %j as it was [ASVS 1.2.4]', async (text) => {
      const store = await openFresh()
      const { bob } = await seeded(store)
      const user = { ...userNamed('x'), email: text, passwordHash: text }
      await store.users.insert(user)
      const session = await store.sessions.insert(sessionOf(user.id, { ipAddress: text, userAgent: text }))
      await store.refreshTokens.insert({ digest: text, sessionId: session.id, createdAt: now, expiresAt: now + day })
      await store.refreshTokens.use(text, { at: now, successorSealed: text })
      await store.users.rememberNetwork(user.id, text, now)
      const event: AuditEvent = {
        ...eventOf(user.id),
        ipAddress: text,
        userAgent: text,
        identifierDigest: text,
        apiName: text,
        failureReason: text,
        requestId: text,
      }
      await store.audit.tally([{ windowKey: text, event: event }])
      await store.audit.tally([{ windowKey: text, event: event }])
      const key = { ...keyNamed(text), privateSealed: text }
      await store.signingKeys.insert(key)
      const api = apiNamed(text, { digest: text })
      await store.apiCredentials.insert(api)

      const found = {
        user: await store.users.findByEmail(text),
        session: (await store.sessions.findLive(session.id, now))?.session,
        used: await store.refreshTokens.findUsed(text),
        knows: await store.users.knowsNetwork(user.id, text),
        events: await store.audit.listOf(user.id, { afterId: undefined, limit: 10 }),
        keys: await store.signingKeys.list(),
        live: (await store.refreshTokens.findLive(text, now))?.token.digest,
        api: [await store.apiCredentials.findByDigest(text), await store.apiCredentials.findByName(text)],
      }

      expect(found).toEqual({
        user,
        session,
        used: { sessionId: session.id, usedAt: now, successorSealed: text },
        knows: true,
        events: [{ ...event, count: 2 }],
        keys: [key],
        live: text,
        api: [api, api],
      })
      expect(await store.users.findById(bob.id)).toEqual(bob)
    })

    test('every instant is kept to the millisecond, also beyond 2038', async () => {
      const store = await openFresh()
      const user = userNamed('ada', { createdAt: Date.UTC(2286, 10, 20) + 123, lastLoginAt: 1 })

      await store.users.insert(user)

      expect(await store.users.findById(user.id)).toEqual(user)
    })

    test('expiry.removeSessions() removes sessions that can do nothing any more, and their refresh tokens', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const idle = await store.sessions.insert(sessionOf(ada.id))
      await store.refreshTokens.insert({ ...tokenOf(idle.id), expiresAt: now + day })
      const ended = await store.sessions.insert(sessionOf(ada.id))
      await store.refreshTokens.insert(tokenOf(ended.id))
      await store.sessions.revoke(ended.id, logout)

      const removed = await store.expiry.removeSessions({ after: 0, at: now + day, limit: 100 })

      // The fourth is the second one of the seed, which never had a refresh token.
      expect(removed).toEqual({ sessions: 3, refreshTokens: 2, next: undefined })
      expect(await store.sessions.findLive(idle.id, now)).toBeUndefined()
    })

    test('expiry.removeSessions() keeps a session with a live refresh token, and its used ones', async () => {
      const store = await openFresh()
      const { session, digest } = await seeded(store)
      const successor = tokenOf(session.id)
      await store.refreshTokens.use(digest, { at: now, successorSealed: 'sealed' })
      await store.refreshTokens.insert({ ...successor, expiresAt: now + 3 * day })

      const removed = await store.expiry.removeSessions({ after: 0, at: now + 3 * day - 1, limit: 100 })

      expect(removed).toEqual({ sessions: 1, refreshTokens: 0, next: undefined })
      expect(await store.sessions.findLive(session.id, now)).toMatchObject({ session })
      expect(await store.refreshTokens.findUsed(digest)).toBeDefined()
      expect(await store.refreshTokens.findLive(successor.digest, now)).toBeDefined()
    })

    test('expiry.removeSessions() keeps an ended session until its access tokens are dead', async () => {
      const store = await openFresh()
      const { session, other } = await seeded(store)
      await store.sessions.revoke(session.id, logout)
      await store.sessions.revoke(other.id, logout)

      const early = await store.expiry.removeSessions({ after: 0, at: session.accessExpiresAt - 1, limit: 100 })
      const late = await store.expiry.removeSessions({ after: 0, at: session.accessExpiresAt, limit: 100 })

      expect([early.sessions, late.sessions]).toEqual([0, 2])
    })

    test('expiry.removeSessions() removes at most so many of each, and goes on where it stopped', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      const busy = await store.sessions.insert(sessionOf(ada.id))
      for (let at = 0; at < 5; at += 1) await store.refreshTokens.insert(tokenOf(busy.id))
      for (let at = 0; at < 3; at += 1) await store.sessions.insert(sessionOf(ada.id))
      const steps: { sessions: number; refreshTokens: number; next: number | undefined }[] = []

      for (let after: number | undefined = 0; after !== undefined; after = steps.at(-1)?.next) {
        steps.push(await store.expiry.removeSessions({ after, at: now + 40 * day, limit: 2 }))
      }

      expect(steps.map(({ sessions, refreshTokens }) => [sessions, refreshTokens])).toEqual([
        [2, 1],
        [0, 2],
        [0, 2],
        [2, 1],
        [2, 0],
        [0, 0],
      ])
    })

    test('expiry.removeSessions() of two who walk at once removes each row once', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      for (let at = 0; at < 50; at += 1) {
        await store.refreshTokens.insert(tokenOf((await store.sessions.insert(sessionOf(ada.id))).id))
      }
      const walk = () =>
        store.transaction((inside) => inside.expiry.removeSessions({ after: 0, at: now + 40 * day, limit: 100 }))

      const walks = await Promise.all([walk(), walk(), walk()])

      expect(walks.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(52)
      expect(walks.reduce((sum, { refreshTokens }) => sum + refreshTokens, 0)).toBe(51)
    })

    test('expiry.removeRevocations() removes ends whose access tokens are dead, in pieces, and no other', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)
      const lasting = await store.sessions.insert(sessionOf(ada.id, { accessExpiresAt: now + 2 * day }))
      await store.sessions.revoke(session.id, logout)
      await store.sessions.revokeAllOf(ada.id, { ...logout, except: lasting.id })
      await store.sessions.revoke(lasting.id, logout)

      const first = await store.expiry.removeRevocations({ after: 0, at: now + day, limit: 1 })
      const second = await store.expiry.removeRevocations({ after: Number(first.next), at: now + day, limit: 3 })

      expect(first).toEqual({ revocations: 1, next: expect.any(Number) })
      expect(second).toEqual({ revocations: 1, next: undefined })
      expect(await published(store)).toEqual([lasting.id])
    })

    test('expiry.removeRevocations() keeps the newest end, so that the number of the newest never goes back', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)
      await store.sessions.revoke(session.id, logout)
      const before = await store.revocations.bounds()

      const piece = await store.expiry.removeRevocations({ after: 0, at: now + day, limit: 10 })

      expect(piece.revocations).toBe(0)
      expect(await store.revocations.bounds()).toEqual(before)
    })

    test('expiry.removeRevocations() never gives the number of a removed end again', async () => {
      const store = await openFresh()
      const { session, other } = await seeded(store)
      await store.sessions.revoke(session.id, logout)
      const [first] = await store.revocations.after(0, { now, limit: 1 })
      await store.expiry.removeRevocations({ after: 0, at: now + day, limit: 10 })

      await store.sessions.revoke(other.id, logout)

      const [last] = (await store.revocations.after(0, { now, limit: 2 })).slice(-1)
      expect(last?.sequence).toBeGreaterThan(Number(first?.sequence))
    })

    test('restores.beginAnew() numbers sessions, lists and ends from where it is told', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)

      await store.restores.beginAnew({ at: now, atLeast: { list: 7, sequence: 1_000 }, neededUntil: now + day })

      const bounds = await store.revocations.bounds()
      const next = await store.sessions.insert(sessionOf(ada.id))
      await store.sessions.revoke(next.id, logout)
      const ends = await store.revocations.after(0, { now, limit: 9 })
      expect(bounds).toEqual({ since: 1_000, newest: 1_000, firstList: 7 })
      expect(next.number).toBe(7 * 65_536)
      expect(ends.map(({ sequence }) => sequence)).toEqual([1_001])
      expect(await store.statusLists.live(now)).toEqual([7])
      expect(session.number).toBeLessThan(65_536)
    })

    test('statusLists.live() leaves out a list from before all began anew, though a login was under way', async () => {
      const store = await openFresh()
      const { ada, session } = await seeded(store)
      await store.expiry.removeLists(session.expiresAt)
      const inserted = Promise.withResolvers<void>()
      const begun = Promise.withResolvers<void>()
      const login = store.transaction(async (inside) => {
        await inside.sessions.insert(sessionOf(ada.id))
        inserted.resolve()
        // SQLite lets nobody else write before the login is done.
        await Promise.race([begun.promise, setTimeout(engine === 'Postgres' ? 5_000 : 20, undefined, { ref: false })])
      })
      await inserted.promise

      await store.restores.beginAnew({ at: now, atLeast: { list: 7, sequence: 0 }, neededUntil: now + day })
      begun.resolve()
      await login

      expect(await store.statusLists.live(now)).toEqual([7])
    })

    test('restores.beginAnew() goes beyond what the database has, whatever it is told', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)
      await store.sessions.revoke(session.id, logout)
      const from = { at: now, atLeast: { list: 0, sequence: 0 }, neededUntil: now + day }
      await store.restores.beginAnew(from)

      await store.restores.beginAnew(from)

      expect(await store.revocations.bounds()).toEqual({ since: 1, newest: 1, firstList: 2 })
    })

    test('restores.beginAnew() goes on from where an earlier restore began, though it is told less', async () => {
      const store = await openFresh()
      const { ada } = await seeded(store)
      await store.restores.beginAnew({ at: now, atLeast: { list: 7, sequence: 1_000 }, neededUntil: now + day })

      await store.restores.beginAnew({ at: now, atLeast: { list: 0, sequence: 0 }, neededUntil: now + day })

      const next = await store.sessions.insert(sessionOf(ada.id))
      await store.sessions.revoke(next.id, logout)
      const ends = await store.revocations.after(0, { now, limit: 9 })
      expect(next.number).toBe(8 * 65_536)
      expect(ends.map(({ sequence }) => sequence)).toEqual([1_001])
    })

    test('sessions.voidAll() ends every live session and publishes none', async () => {
      const store = await openFresh()
      const { session, other } = await seeded(store)

      const ended = [await store.sessions.voidAll(logout), await store.sessions.voidAll(logout)]

      expect(ended).toEqual([2, 0])
      expect([await store.sessions.findLive(session.id, now), await store.sessions.findLive(other.id, now)]).toEqual([
        undefined,
        undefined,
      ])
      expect((await store.revocations.bounds()).newest).toBe(0)
    })

    test('expiry.removeLists() removes lists whose sessions are all too old', async () => {
      const store = await openFresh()
      const { session } = await seeded(store)

      const early = await store.expiry.removeLists(session.expiresAt - 1)
      const live = await store.statusLists.live(now)
      const late = await store.expiry.removeLists(session.expiresAt)

      expect([early, live, late]).toEqual([{ statusLists: 0 }, [0], { statusLists: 1 }])
      expect(await store.statusLists.live(now)).toEqual([])
    })
  })
}

if (engine === 'postgres') storeContract('Postgres', () => freshDatabase().then(openMigrated))
else {
  storeContract('SQLite in memory', () => openMigrated('sqlite::memory:'))
  storeContract('SQLite in a file', () => openMigrated(`sqlite:${join(temporaryFolder(), 'nested', 'latchkey.db')}`))
}

type Seed = Awaited<ReturnType<typeof seeded>>

async function openMigrated(url: string): Promise<Store> {
  const database = openTestDatabase(url)
  await database.migrations.up()
  return database.store
}

/** Two users, of whom the first has two sessions and a refresh token. */
async function seeded(store: Store) {
  const [ada, bob] = [userNamed('ada'), userNamed('bob')]
  const digest = 'digest'
  await store.users.insert(ada)
  await store.users.insert(bob)
  const session = await store.sessions.insert(sessionOf(ada.id))
  const other = await store.sessions.insert(sessionOf(ada.id))
  await store.refreshTokens.insert({ digest, sessionId: session.id, createdAt: now, expiresAt: now + 2 * day })
  return { ada, bob, session, other, digest }
}

function userNamed(name: string, facts: Partial<User> = {}): User {
  const id = newId() as UserId
  const email = `${name}@example.com`
  return {
    id,
    email,
    passwordHash: `hash of ${name}`,
    createdAt: now,
    lastLoginAt: undefined,
    isActive: true,
    ...facts,
  }
}

function sessionOf(userId: UserId, facts: Partial<NewSession> = {}): NewSession {
  return {
    id: newId() as SessionId,
    userId,
    createdAt: now,
    lastUsedAt: now,
    expiresAt: now + 30 * day,
    accessExpiresAt: now + day,
    ipAddress: '192.0.2.1',
    userAgent: 'test',
    ...facts,
  }
}

function tokenOf(sessionId: SessionId): RefreshToken {
  return { digest: newId(), sessionId, createdAt: now, expiresAt: now + 30 * day }
}

function eventOf(userId: UserId | undefined, facts: Partial<Parameters<typeof auditEvent>[1]> = {}): AuditEvent {
  const origin = { address: '192.0.2.1', network: '192.0.2.1', userAgent: 'test', requestId: 'request' }
  return auditEvent({ id: newId(), now, origin }, { type: 'login', userId, ...facts })
}

function apiNamed(name: string, facts: Partial<ApiCredential> = {}): ApiCredential {
  return {
    id: newId() as ApiCredentialId,
    name,
    digest: `digest of ${name}`,
    createdAt: now,
    lastUsedAt: undefined,
    revokedAt: undefined,
    ...facts,
  }
}

function keyNamed(id: string, createdAt = now): StoredSigningKey {
  return {
    id,
    algorithm: 'ES256',
    privateSealed: 'sealed',
    createdAt,
    activatesAt: createdAt + 1,
    tokenSeconds: 60,
  }
}

async function published(store: Store): Promise<SessionId[]> {
  const revocations = await store.revocations.after(0, { now, limit: 10_000 })
  return revocations.map(({ sessionId }) => sessionId)
}
