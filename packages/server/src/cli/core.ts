import { randomBytes, randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join } from 'node:path'
import { createVerifier, TokenError } from '@latchkey/verify'
import { createAuth } from '../auth.ts'
import { type Config, loadConfig } from '../config/load-config.ts'
import type { Rate } from '../config/rate.ts'
import { deviceTokens } from '../crypto/device-tokens.ts'
import { type MasterKey, readOrMakeMasterKey } from '../crypto/master-key.ts'
import { type Seal, sealUnder } from '../crypto/seal.ts'
import { newId } from '../crypto/secrets.ts'
import type { HashEvent } from '../domain/hash-order.ts'
import type { Limits } from '../domain/limit.ts'
import type { Log } from '../domain/log.ts'
import { listOfUri, statusListUri } from '../domain/status-list.ts'
import { followRevocations, type RevocationFeed } from '../flows/follow-revocations.ts'
import { keepKeys } from '../flows/keep-keys.ts'
import { placeSessions } from '../flows/place-sessions.ts'
import { publishStatusLists } from '../flows/publish-status-lists.ts'
import { removeExpired } from '../flows/remove-expired.ts'
import { takeTurns } from '../flows/take-turns.ts'
import { tallyRefusals } from '../flows/tally-refusals.ts'
import { expectedHashSeconds } from '../hashing/bcrypt.ts'
import { type HashScheduler, scheduleHashes } from '../hashing/hash-scheduler.ts'
import { type HashThreads, startHashThreads } from '../hashing/hash-threads.ts'
import { createPasswords, type Passwords } from '../hashing/passwords.ts'
import { withPeppers } from '../hashing/pepper.ts'
import { memoryLimit, unlimited } from '../limits/memory-limit.ts'
import { insuredLimit, sharedLimit } from '../limits/shared-limit.ts'
import type { Database } from '../storage/open-store.ts'
import { readBlockList } from './block-list.ts'
import { databaseFile, openConfiguredDatabase } from './database.ts'
import { operator } from './operator.ts'
import { readAccessToken } from './read-access-token.ts'

/** The house without its front. */
export type Core = ReturnType<typeof assembleCore>

export type Surroundings = { log: Log; now?: () => number; hashThreads?: HashThreads }

type CoreSurroundings = Surroundings & { observeHash?: (event: HashEvent) => void }

/**
 * Puts together by a configuration what stands behind the front: all that a command needs, which starts a fifth quicker
 * without it. Nothing is opened, made or connected before it is first needed, but for the block list, which is read here.
 *
 * @throws {Error} where the block list cannot be read
 */
export function assembleCore(
  config: Config,
  { log, now = Date.now, hashThreads = startHashThreads(), observeHash = () => {} }: CoreSurroundings,
) {
  const database = openConfiguredDatabase(config)
  const { store } = database
  const hashes = hashesOf(config, observeHash, hashThreads)
  const masterKey = masterKeyReader(config)
  const keys = keepKeys({
    store,
    seal: lazySeal(() => masterKey().bytes, 'signing keys'),
    algorithm: config.JWT_ALGORITHM,
    accessTokenSeconds: config.ACCESS_TOKEN_TTL,
    now,
    newId,
  })
  const secret = config.JWT_SECRET === undefined ? undefined : Buffer.from(config.JWT_SECRET, 'utf8')
  const currentSigner = async () => (secret ? { secret } : { key: await keys.current() })
  const places = placeSessions({ store })
  const revocations = followRevocations({ store, news: database.news, places, log, now })
  const statusLists = publishStatusLists({ store, revocations, currentSigner, issuer: config.PUBLIC_URL, now })
  const refusals = tallyRefusals({ store, log, now, newId })
  const expiry = removeExpired({ store, log, now, someTimeWithin: randomInt })
  const limits = limitsOf(config, database, now)
  const auth = createAuth({
    store,
    passwords: passwordsOf(config, hashes),
    limits,
    devices: deviceTokens(
      lazySeal(() => secret ?? masterKey().bytes, 'device tokens'),
      { now, newId },
    ),
    refusals,
    policy: {
      name: config.PASSWORD_POLICY,
      isCommon: readBlockList(config.PASSWORD_BLOCKLIST),
      contextWords: ['latchkey', ...hostWords(config.PUBLIC_URL), ...config.PASSWORD_CONTEXT_WORDS],
    },
    log,
    inTurn: takeTurns(),
    readAccessToken: (token) => readAccessToken(verifier, token),
    currentSigner,
    statusOf: async (sessionNumber) => {
      const { list, index } = await places(sessionNumber)
      return { uri: statusListUri(config.PUBLIC_URL, list), index }
    },
    announceRevocations: revocations.announce,
    now,
    newId,
    issuer: config.PUBLIC_URL,
    audience: config.JWT_AUDIENCE,
    lifetimes: {
      accessTokenSeconds: config.ACCESS_TOKEN_TTL,
      refreshTokenSeconds: config.REFRESH_TOKEN_TTL,
      sessionSeconds: config.SESSION_TTL,
      reuseGraceSeconds: config.REFRESH_REUSE_GRACE,
    },
  })
  const verifier = createVerifier({
    issuer: config.PUBLIC_URL,
    ...(secret ? { secret } : { keys: keys.publicKeys }),
    ...(config.JWT_AUDIENCE === undefined ? {} : { audience: config.JWT_AUDIENCE }),
    revocations: {
      isRevoked: ({ uri, index }) => revocations.isRevoked({ list: listOfUri(uri), index }),
      assertFresh: () => askedFresh(revocations),
    },
    now,
  })

  /** Brings the database up to this program. A backup that was put back begins anew. */
  async function migrate(): Promise<string[]> {
    const applied = await database.migrations.up()
    const wasCopy = await auth.beginAnewOnCopy(operator())
    if (wasCopy) log.warn({}, 'This database is a backup that was put back: everyone is logged out')
    return applied
  }

  async function assertReady(): Promise<void> {
    await database.assertReady()
    if (!secret) await keys.current()
  }

  return {
    auth,
    verifier,
    keys,
    statusLists,
    hashes,
    address: { named: database.named, isExposed: database.isExposed, isUnverified: database.isUnverified },
    lostTimeouts: database.lostTimeouts,
    migrations: database.migrations,
    migrate,
    /** Refuses a database that this program would not serve from the start. */
    assertMigrated: async () => {
      await database.migrations.status()
      await database.assertReady()
    },
    publicKeys: async () => (secret ? { keys: [] } : keys.publicKeys()),
    revocations,
    refusals,
    expiry,
    masterKey,
    assertReady,
    /** Ends streams, writes what is pending, and lets go of threads and files. */
    close: async () => {
      revocations.close()
      await expiry.close()
      await refusals.flush()
      await hashes.close()
      await database.close()
    },
  }
}

/** A database that cannot be asked leaves the verifier without proof: it then refuses, as one does elsewhere. */
function askedFresh(revocations: RevocationFeed): Promise<void> | undefined {
  return revocations.assertFresh()?.catch((cause) => {
    throw new TokenError('REVOCATIONS_STALE', { cause })
  })
}

/** Who would wait for a thread longer than the setting says is refused. */
export function hashesOf(
  config: Config,
  observe: (event: HashEvent) => void,
  threads: HashThreads = startHashThreads(),
): HashScheduler {
  return scheduleHashes(threads, {
    maxWaitSeconds: config.HASH_MAX_WAIT,
    firstGuessSeconds: expectedHashSeconds(config.BCRYPT_COST),
    observe,
  })
}

/** Hashes and compares as the settings say. */
export function passwordsOf(config: Config, hashes: HashScheduler): Passwords {
  return withPeppers(createPasswords(hashes, config.BCRYPT_COST), {
    current: config.PASSWORD_PEPPER,
    previous: config.PASSWORD_PEPPER_PREVIOUS,
  })
}

/** Servers that may share a database count together on it; where only one can be, it counts in its memory. */
function limitsOf(config: Config, { isShared, store }: Database, now: () => number): Limits {
  const inMemory = (name: string, rate: Rate | 'off') => (rate === 'off' ? unlimited : memoryLimit(name, rate))
  const limitOf = (name: string, rate: Rate | 'off') =>
    rate === 'off' || !isShared ? inMemory(name, rate) : sharedLimit(name, rate, { attempts: store.attempts, now })
  const { RATE_LIMIT_GLOBAL: globalRate } = config
  return {
    loginPerAddress: limitOf('login', config.RATE_LIMIT_LOGIN),
    signupPerAddress: limitOf('signup', config.RATE_LIMIT_SIGNUP),
    loginPerAccount: limitOf('account', config.RATE_LIMIT_ACCOUNT),
    loginPerDevice: limitOf('device', config.RATE_LIMIT_ACCOUNT),
    introspection: limitOf('introspect', config.RATE_LIMIT_INTROSPECT),
    // Of all routes some need no database: keys and lists are served on without it.
    requestPerAddress:
      globalRate === 'off'
        ? unlimited
        : insuredLimit(limitOf('global', globalRate), inMemory('global', globalRate), now),
  }
}

/** Where the master key is kept: beside the file of the database, and where that is none, where it would be by default. */
export function masterKeyPath(config: Config): string | undefined {
  if (config.DATABASE_URL === 'sqlite::memory:') return undefined
  return join(dirname(databaseFile(config) ?? databaseFile(loadConfig({})) ?? ''), 'master.key')
}

function masterKeyReader(config: Config): () => MasterKey {
  let known: MasterKey | undefined
  return () => {
    known ??= readMasterKey(config)
    return known
  }
}

function readMasterKey(config: Config): MasterKey {
  if (config.MASTER_KEY) return { bytes: config.MASTER_KEY, isNew: false }
  const path = masterKeyPath(config)
  if (path === undefined) return { bytes: randomBytes(32), isNew: false }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  return readOrMakeMasterKey(path)
}

function lazySeal(keyMaterial: () => Uint8Array, purpose: string): Seal {
  let made: Seal | undefined
  const seal = () => {
    made ??= sealUnder(keyMaterial(), purpose)
    return made
  }
  return { close: (plain) => seal().close(plain), open: (sealed) => seal().open(sealed) }
}

/** The host that issues, whole and by its telling labels. */
function hostWords(publicUrl: string): string[] {
  const { hostname } = new URL(publicUrl)
  if (isIP(hostname.replace(/^\[|\]$/g, ''))) return []
  return [hostname, ...hostname.split('.').filter((label) => label.length > 3)]
}
