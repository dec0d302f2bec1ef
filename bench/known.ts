import { createVerifier } from '../packages/verify/src/index.ts'
import { cpuOf, medians } from './measure.ts'
import { finding, type Part, type Scale, share } from './report.ts'
import { freshStrings, signTokens, startIssuer } from './tokens.ts'

/** A token that was seen before, with the revocation check, against the least that any cache costs. */
export const known: Part = {
  name: 'known',
  title: 'A known token, revocation checked',

  async measure({ isSmoke, peers, progress }) {
    const [rounds, lookUps, liveTokens] = isSmoke ? [1, 200, 50] : [31, 50_000, 50_000]
    await using issuer = await startIssuer({})
    const verifier = createVerifier({ issuer: issuer.url })
    await verifier.ready()
    progress(`signing ${liveTokens} tokens`)
    const tokens = signTokens(liveTokens, issuer.url, issuer.signer)
    const map = new Map(tokens.map((token) => [String(token), { claims: {} }]))
    for (const token of tokens) await verifier.verify(String(token))
    const fastJwt = await fastJwtVerifier(
      peers,
      String(issuer.publicKey.export({ type: 'spki', format: 'pem' })),
      liveTokens,
    )
    for (const token of fastJwt ? tokens : []) fastJwt?.(String(token))

    let found = 0
    const way = (find: (token: string) => unknown) => () => {
      const strings = freshStrings(tokens, lookUps)
      return cpuOf(lookUps, () => {
        for (const token of strings) if (find(token) !== undefined) found += 1
      })
    }
    progress('looking tokens up')
    const ways: Record<string, () => number> = {
      map: way((token) => map.get(token)),
      ours: way((token) => verifier.verifyNow(token)),
      ...(fastJwt ? { fastJwt: way(fastJwt) } : {}),
    }
    const { map: bare = 0, ours = 1, fastJwt: ofFastJwt } = await medians(ways, rounds)
    const { cache } = verifier.status()
    verifier.close()
    const expected = Object.keys(ways).length * (rounds + 1) * lookUps
    if (found !== expected || cache.size !== liveTokens) throw new Error(`Cannot measure: ${found} tokens were known`)

    const nanoseconds = (what: string, value: number) => finding(what, `${(value * 1_000).toFixed(0)} ns`)
    return [
      nanoseconds('Bare `Map` look-up of the same strings', bare),
      nanoseconds('`verifyNow()`', ours),
      share('`verifyNow()`, speed as a share of the bare look-up', bare / ours, isSmoke ? 0 : 0.8),
      ...(ofFastJwt === undefined
        ? []
        : [
            nanoseconds('fast-jwt with its cache, no revocation', ofFastJwt),
            share('`verifyNow()`, times as fast as fast-jwt', ofFastJwt / ours, 1),
          ]),
    ]
  },
}

type Verify = (token: string) => unknown

/** fast-jwt as its documentation has it, with room for every token. */
async function fastJwtVerifier(peers: Scale['peers'], key: string, cache: number): Promise<Verify | undefined> {
  const module = await peers?.load('fast-jwt')
  const createPeer = module?.['createVerifier'] as ((options: object) => Verify) | undefined
  return createPeer?.({ key, cache, algorithms: ['ES256'] })
}
