import { Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import type { KeySet } from './keys.ts'
import { readVectors } from './testing/vectors.ts'
import { TokenError } from './token-error.ts'
import { createVerifier } from './verifier.ts'

interface Attack {
  id: string
  expect: string
  why: string
  token: string
}

interface Attacks {
  now: number
  issuer: string
  audience: string
  jwks: KeySet
  vectors: Attack[]
}

const { now, issuer, audience, jwks, vectors } = readVectors<Attacks>('jwt-attacks.json')
const verifier = createVerifier({
  issuer,
  audience,
  keys: jwks,
  profile: 'rfc9068',
  now: () => now * 1_000,
  revocations: 'off',
})

/** The contract refuses a fraction in a time; the file leaves that to the project. */
const refusedByContract = 'ok-exp-fraction'

const isDue = ({ id, expect: due }: Attack) => due.startsWith('refuse') || id === refusedByContract
const refused = vectors.filter(isDue)
const taken = new Set<string>()

/** The attacks that must be refused and whose id begins so; each is taken once. */
function attacks(...prefixes: string[]): Attack[] {
  const found = refused.filter(({ id }) => prefixes.some((prefix) => id.startsWith(prefix)))
  for (const { id } of found) taken.add(id)
  return found
}

async function refuse({ token }: Attack): Promise<void> {
  await expect(verifier.verify(token)).rejects.toMatchObject({ name: 'TokenError', status: 401 })
}

test.each(vectors.filter((each) => each.expect === 'accept' && !isDue(each)))(
  'verify() accepts $id: $why',
  async ({ token }) => {
    await expect(verifier.verify(token)).resolves.toMatchObject({ iss: issuer })
  },
)

test.each(vectors.filter((each) => each.expect === 'accept-or-refuse'))(
  'verify() settles $id one way or the other: $why',
  async ({ token }) => {
    const outcome = await verifier.verify(token).catch((error: unknown) => error)

    expect(outcome instanceof TokenError || Object.isFrozen(outcome)).toBe(true)
  },
)

test.each(attacks('alg-', 'confusion-', 'hs256-'))(
  'verify() refuses $id: $why [ASVS 9.1.2] [RFC8725-3.1a] [RFC8725-3.1b] [RFC7515-4.1.1] [RFC7519-6] [RFC7519-7.2c] [RFC9068-4d]',
  refuse,
)

test.each(attacks('es256-', 'ed25519-', 'sig-', 'payload-', 'attacker-', 'header-swap'))(
  'verify() refuses $id: $why [ASVS 9.1.1] [RFC8725-3.3] [RFC7515-5.2.8] [RFC9068-4d]',
  refuse,
)

test.each(attacks('embedded-', 'jku-', 'x5u-', 'x5c-'))(
  'verify() refuses $id: $why [ASVS 9.1.3] [RFC7515-4.1.2] [RFC7515-4.1.3] [RFC7515-4.1.5] [RFC7515-4.1.6]',
  refuse,
)

test.each(attacks('kid-'))('verify() refuses $id: $why [RFC8725-3.10a] [RFC7515-4.1.4]', refuse)

test.each(attacks('crit-', 'b64-'))('verify() refuses $id: $why [RFC7515-4.1.11] [RFC7797-7]', refuse)

test.each(attacks('dup-'))('verify() refuses $id: $why [RFC7519-4] [RFC7515-4] [RFC7515-5.2.4]', refuse)

test.each(attacks('claims-', 'header-bom', 'header-trailing', 'header-array', 'header-null', 'header-string'))(
  'verify() refuses $id: $why [RFC8725-3.7] [RFC7519-7.2b] [RFC7515-5.2.3]',
  refuse,
)

test.each(attacks('form-', 'jwe-', 'pbes2-'))(
  'verify() refuses $id: $why [RFC7515-5.2.1] [RFC7515-5.2.2] [RFC7519-7.2a]',
  refuse,
)

test.each(attacks('exp-', 'nbf-', 'iat-', 'ok-'))(
  'verify() refuses $id: $why [ASVS 9.2.1] [RFC7519-2] [RFC7519-4.1.4] [RFC7519-4.1.5] [RFC7519-4.1.6]',
  refuse,
)

test.each(attacks('iss-'))('verify() refuses $id: $why [RFC9068-4b]', refuse)

test.each(attacks('aud-'))('verify() refuses $id: $why [ASVS 9.2.3] [RFC7519-4.1.3] [RFC9068-4c]', refuse)

test.each(attacks('sub-', 'jti-', 'client_id-'))('verify() refuses $id: $why', refuse)

test.each(attacks('typ-'))('verify() refuses $id: $why [ASVS 9.2.2] [RFC9068-4a] [RFC7519-5.1]', refuse)

test.each(attacks('cty-'))('verify() refuses $id: $why [RFC7519-5.2]', refuse)

test('the sentences above speak of every attack', () => {
  expect(refused.filter(({ id }) => !taken.has(id))).toEqual([])
  expect(vectors).toHaveLength(202)
})

test('verify() opens no connection for a token that points at keys elsewhere [ASVS 9.1.3] [RFC8725-3.10b]', async () => {
  const sockets = vi.spyOn(Socket.prototype, 'connect')
  const pointing = vectors.filter(({ id }) => /^(jku|x5u|x5c|embedded|kid-url)/.test(id))

  await Promise.all(pointing.map(refuse))

  expect(pointing.length).toBeGreaterThan(10)
  expect(sockets).not.toHaveBeenCalled()
  sockets.mockRestore()
})
