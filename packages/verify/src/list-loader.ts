import type { Agent } from 'node:http'
import { type HttpAnswer, httpRequest } from './http-request.ts'
import type { StatusBits } from './status-bits.ts'
import { maxListCharacters, readStatusList, type StatusListRules } from './status-list-token.ts'
import { parseStrictJson } from './strict-json.ts'

export interface ListLoader {
  /**
   * Loads every list that lives and sets its bits. What was loaded before another list failed stays set.
   *
   * @param addresses where the issuer says which lists there are
   * @param known a cursor up to which all ends are known: an answer that is less complete is an old one
   * @throws {Error} which names what failed: then nothing is proven
   */
  load(addresses: string, known: number): Promise<LoadedLists>
}

export interface LoadedLists {
  /** All ends of sessions up to this cursor are in the bits. */
  readonly cursor: number
  /** How old the oldest answer was when it was asked for, because a cache gave it. */
  readonly ageSeconds: number
}

interface Options {
  readonly issuer: string
  readonly agent: Agent
  readonly bits: StatusBits
  readonly findKey: StatusListRules['findKey']
  /** Unix milliseconds. */
  readonly now: () => number
  readonly timeoutMilliseconds?: number
}

export const listsAtOnce = 8

/** Over a billion sessions, and two megabytes of addresses. */
const maxLists = 16_384
const maxAddressBytes = 8 * 1_024 * 1_024

/** Loads status lists over HTTP, each only when it has changed (ETag). Caches on the way are asked to ask again. */
export function listLoader({ issuer, agent, bits, findKey, now, ...limits }: Options): ListLoader {
  const { timeoutMilliseconds = 5_000 } = limits
  const tags = new Map<number, string>()

  async function ask(url: string, maxBytes: number, headers: Record<string, string>): Promise<HttpAnswer> {
    return httpRequest(url, {
      agent,
      timeoutMilliseconds,
      maxBytes,
      headers: { 'cache-control': 'no-cache', ...headers },
    })
  }

  async function loadList(list: number, known: number): Promise<LoadedLists> {
    const uri = bits.uriOf(list)
    const tag = tags.get(list)
    const answer = await ask(uri, maxListCharacters, {
      accept: 'application/statuslist+jwt',
      ...(tag === undefined ? {} : { 'if-none-match': tag }),
    })
    if (answer.status === 304 && tag !== undefined) return proofOf(answer, known)
    if (answer.status !== 200) throw new Error(`${uri} was answered with ${answer.status}`)

    const rules = { issuer, uri, nowSeconds: now() / 1_000, findKey }
    bits.add(list, await readStatusList(answer.body.toString('latin1'), rules))
    const { etag } = answer.headers
    if (typeof etag === 'string') tags.set(list, etag)
    return proofOf(answer, known)
  }

  async function load(addresses: string, known: number): Promise<LoadedLists> {
    const answer = await ask(addresses, maxAddressBytes, { accept: 'application/json' })
    if (answer.status !== 200) throw new Error(`the addresses of the lists were answered with ${answer.status}`)
    const proofs = [proofOf(answer, known)]
    const lists = readAddresses(answer.body, bits)
    bits.keepOnly(lists)
    const live = new Set(lists)
    for (const list of tags.keys()) if (!live.has(list)) tags.delete(list)

    const rest = lists.values()
    const work = async () => {
      for (const list of rest) proofs.push(await loadList(list, known))
    }
    await Promise.all(Array.from({ length: listsAtOnce }, work))
    return proofs.reduce((one, other) => ({
      cursor: Math.min(one.cursor, other.cursor),
      ageSeconds: Math.max(one.ageSeconds, other.ageSeconds),
    }))
  }

  return { load }
}

function readAddresses(body: Buffer, bits: StatusBits): number[] {
  const value = parseStrictJson(body)
  const uris = typeof value === 'object' && value !== null && 'status_lists' in value ? value.status_lists : undefined
  if (!Array.isArray(uris) || uris.length > maxLists) throw new Error('the addresses of the lists have another form')
  return uris.map((uri: unknown) => {
    const list = typeof uri === 'string' ? bits.listOf(uri) : undefined
    if (list === undefined) throw new Error('the addresses name a list that is not of this issuer')
    return list
  })
}

function proofOf({ headers }: HttpAnswer, known: number): LoadedLists {
  const { age, 'revocation-cursor': cursor } = headers
  if (typeof cursor !== 'string' || !/^[0-9]{1,15}$/.test(cursor)) throw new Error('an answer has no Revocation-Cursor')
  if (Number(cursor) < known) throw new Error('an answer is older than what is known')
  const ageSeconds = typeof age === 'string' && /^[0-9]{1,9}$/.test(age) ? Number(age) : 0
  return { cursor: Number(cursor), ageSeconds }
}
