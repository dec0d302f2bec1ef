import { gzipSync } from 'node:zlib'
import type { TokenSigner } from '../crypto/access-tokens.ts'
import { digestOf } from '../crypto/secrets.ts'
import { signStatusList } from '../crypto/status-list-tokens.ts'
import { keptAfterDeathMilliseconds, statusListUri } from '../domain/status-list.ts'
import type { Store } from '../domain/store.ts'
import type { ListSnapshot, RevocationFeed } from './follow-revocations.ts'

/** The status lists as the world sees them (draft-ietf-oauth-status-list). */
export type StatusLists = {
  /** The addresses of all lists that live (section 9), complete up to the cursor. */
  addresses(): Promise<{ uris: string[]; cursor: number }>
  /** A signed list; `undefined` where it was never begun, or all its tokens are dead. */
  read(list: number): Promise<PublishedList | undefined>
}

export type PublishedList = {
  token: string
  /** The token for who takes it compressed: base64 loses a quarter, though what it holds is compressed already. */
  inGzip(): Uint8Array<ArrayBuffer>
  /** The same for the same bits, key and period, in whichever process. */
  tag: string
  cursor: number
}

/** How long a standard verifier may keep a list: the staleness that ours allows by default. */
export const statusListTtlSeconds = 30
const lifeSeconds = 60 * 60
/** Signed anew when half of its life is over. */
const periodMilliseconds = 30 * 60 * 1000

type PublishDeps = {
  store: Pick<Store, 'statusLists'>
  revocations: RevocationFeed
  currentSigner(): Promise<TokenSigner>
  issuer: string
  now(): number
}

/** Signs and compresses each version of a list once, when it is first asked for. */
export function publishStatusLists({ store, revocations, currentSigner, issuer, now }: PublishDeps): StatusLists {
  const kept = new Map<number, Omit<PublishedList, 'cursor'> & { edition: string }>()

  async function readLive(): Promise<Set<number>> {
    const lists = await store.statusLists.live(now() - keptAfterDeathMilliseconds)
    const newest = lists.at(-1) ?? 0
    const live = new Set(lists)
    // A list beyond the newest may have begun since.
    const isOver = (list: number) => list < newest && !live.has(list)
    revocations.forget(isOver)
    for (const list of kept.keys()) if (isOver(list)) kept.delete(list)
    return live
  }

  function publish(list: number, { bits, version }: ListSnapshot, signer: TokenSigner) {
    const keyId = 'secret' in signer ? '' : signer.key.id
    const period = Math.floor(now() / periodMilliseconds)
    const edition = `${version} ${period} ${keyId}`
    const known = kept.get(list)
    if (known?.edition === edition) return known

    const uri = statusListUri(issuer, list)
    const issuedAt = Math.floor(now() / 1000)
    const token = signStatusList({ issuer, uri, bits, issuedAt, lifeSeconds, ttlSeconds: statusListTtlSeconds }, signer)
    const tag = digestOf(`${uri} ${period} ${keyId} ${Buffer.from(bits ?? []).toString('latin1')}`)
    let zipped: Uint8Array<ArrayBuffer> | undefined
    const inGzip = () => {
      zipped ??= gzipSync(token)
      return zipped
    }
    const published = { edition, token, inGzip, tag }
    kept.set(list, published)
    return published
  }

  return {
    addresses: async () => {
      await revocations.catchUp()
      const cursor = revocations.cursor()
      const live = await readLive()
      return { uris: Array.from(live, (list) => statusListUri(issuer, list)), cursor }
    },

    read: async (list) => {
      await revocations.catchUp()
      if (!(await readLive()).has(list)) return undefined
      const signer = await currentSigner()
      const snapshot = revocations.snapshotOf(list)
      const { token, inGzip, tag } = publish(list, snapshot, signer)
      return { token, inGzip, tag, cursor: snapshot.cursor }
    },
  }
}
