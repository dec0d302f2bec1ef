import type { Seal } from '../crypto/seal.ts'
import { newSigningKey, openSigningKey, type SigningKey } from '../crypto/signing-keys.ts'
import type { Origin } from '../domain/origin.ts'
import type { SigningAlgorithm, StoredSigningKey } from '../domain/signing-key.ts'
import type { Store } from '../domain/store.ts'
import { eventOf } from './open-session.ts'

/** The keys of an installation: made, published, and replaced without a refused token. */
export type KeyRing = {
  /** The key that signs now. */
  current(): Promise<SigningKey>
  /** The public halves of every key whose tokens may live, or that will sign soon (RFC 7517, section 5). */
  publicKeys(): Promise<{ keys: Readonly<Record<string, unknown>>[] }>
  /** Makes a new key. It is published at once, and signs when every verifier has had time to fetch it. */
  rotate(origin: Origin): Promise<StoredSigningKey>
}

/** How long verifiers may keep the published set: the `max-age` of the JWKS. */
export const keySetMaxAgeSeconds = 300
/** Published for twice that before it signs, so that no verifier meets a key that it cannot have. */
const leadMilliseconds = 2 * keySetMaxAgeSeconds * 1000
/** How soon a server learns of a key that another process made. */
const reloadMilliseconds = 60_000

type KeyDeps = {
  store: Store
  seal: Seal
  algorithm: SigningAlgorithm
  /** The longest life of a token that a key signed. */
  accessTokenSeconds: number
  now(): number
  newId(): string
}

/** Keeps the key pairs in the database. The first is made when first needed; of two processes that make it, one wins. */
export function keepKeys({ store, seal, algorithm, accessTokenSeconds, now, newId }: KeyDeps): KeyRing {
  const opened = new Map<string, SigningKey>()
  let keys: StoredSigningKey[] = []
  let loadedAt = Number.NEGATIVE_INFINITY

  async function load(): Promise<StoredSigningKey[]> {
    if (now() - loadedAt < reloadMilliseconds) return keys
    keys = await store.signingKeys.list()
    if (keys.toSorted(byActivation).at(-1)?.algorithm !== algorithm) {
      if (keys.length === 0) await store.signingKeys.insertFirst(newKey(now()))
      else await store.signingKeys.insert(newKey(now() + leadMilliseconds))
      keys = await store.signingKeys.list()
    }
    await noteTokenLife()
    loadedAt = now()
    return keys
  }

  /** A setting that is lowered later must not retire a key before the longer-lived tokens of before are dead. */
  async function noteTokenLife(): Promise<void> {
    if (keys.every(({ tokenSeconds }) => tokenSeconds >= accessTokenSeconds)) return
    for (const { id } of keys) await store.signingKeys.recordTokenLife(id, accessTokenSeconds)
    keys = await store.signingKeys.list()
  }

  function newKey(activatesAt: number): StoredSigningKey {
    return newSigningKey(algorithm, { seal, now: now(), activatesAt, tokenSeconds: accessTokenSeconds })
  }

  function open(key: StoredSigningKey): SigningKey {
    const known = opened.get(key.id) ?? openSigningKey(key, seal)
    opened.set(key.id, known)
    return known
  }

  function currentOf(all: StoredSigningKey[]): StoredSigningKey | undefined {
    return all
      .filter(({ activatesAt }) => activatesAt <= now())
      .toSorted(byActivation)
      .at(-1)
  }

  /** A key retires when its successor has signed for as long as its own last token may live. */
  function isRetired(key: StoredSigningKey, all: StoredSigningKey[]): boolean {
    const successor = all.toSorted(byActivation).find(({ activatesAt }) => activatesAt > key.activatesAt)
    return successor !== undefined && successor.activatesAt + key.tokenSeconds * 1000 + reloadMilliseconds < now()
  }

  return {
    current: async () => {
      const key = currentOf(await load())
      if (!key) throw new Error('Cannot sign: no signing key is active yet')
      return open(key)
    },
    publicKeys: async () => {
      const all = await load()
      return { keys: all.filter((key) => !isRetired(key, all)).map((key) => open(key).publicJwk) }
    },
    rotate: async (origin) => {
      await load()
      const key = newKey(now() + leadMilliseconds)
      await store.transaction(async (inside) => {
        await inside.signingKeys.insert(key)
        await inside.audit.append(eventOf({ now, newId }, origin, { type: 'keys_rotated' }))
      })
      loadedAt = Number.NEGATIVE_INFINITY
      return key
    },
  }
}

function byActivation(one: StoredSigningKey, other: StoredSigningKey): number {
  return one.activatesAt - other.activatesAt
}
