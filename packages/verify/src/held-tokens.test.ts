import { Socket } from 'node:net'
import { inspect } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { testIssuer } from './testing/issuer.ts'
import { audience, claimsOf, es256Key, issuer, startOfTime, tokenOf } from './testing/tokens.ts'
import { createVerifier } from './verifier.ts'

const key = es256Key()

/** A verifier that remembers what it has verified, with a clock moved by hand. */
function testVerifier(options: object = {}) {
  let seconds = startOfTime
  const verifier = createVerifier({
    issuer,
    audience,
    keys: { keys: [key.jwk] },
    revocations: 'off',
    now: () => seconds * 1_000,
    ...options,
  })
  onTestFinished(() => verifier.close())
  const advance = (by: number) => {
    seconds += by
  }
  const verdictOn = (token: string) =>
    verifier.verify(token).then(
      () => 'taken',
      ({ code }) => code,
    )
  return { verifier, advance, verdictOn }
}

test('verify() judges a token that it knows anew at every call: by its whole text, and by the time [ASVS 7.2.1]', async () => {
  const { verifier, advance, verdictOn } = testVerifier()
  const known = tokenOf(key, { claims: claimsOf({ aud: audience, exp: startOfTime + 60 }) })
  const [header = '', claims = '', signature = ''] = known.split('.')
  const changed = (part: string) => (part.startsWith('A') ? 'B' : 'A') + part.slice(1)
  const first = [await verdictOn(known), await verdictOn(known)]

  const altered = [
    await verdictOn(`${header}.${claims}.${changed(signature)}`),
    await verdictOn(`${header}.${changed(claims)}.${signature}`),
    await verdictOn(`${changed(header)}.${claims}.${signature}`),
  ]
  const hits = verifier.status().cache.hits
  advance(60)
  const late = await verdictOn(known)

  expect(first).toEqual(['taken', 'taken'])
  expect(hits).toBe(1)
  expect(altered).toEqual(Array(3).fill('AUTH_INVALID'))
  expect(late).toBe('AUTH_EXPIRED')
})

test.each([
  ['type', { header: { typ: 'JWT' } }],
  ['issuer', { claims: claimsOf({ aud: audience, iss: `${issuer}/` }) }],
  ['audience', { claims: claimsOf({ aud: 'https://other.example.com' }) }],
])('verify() refuses a token of another %s as often as it comes [ASVS 7.2.1]', async (_, parts) => {
  const { verdictOn } = testVerifier()
  const token = tokenOf(key, { claims: claimsOf({ aud: audience }), ...parts })

  const verdicts = [await verdictOn(token), await verdictOn(token)]

  expect(verdicts).toEqual(['AUTH_INVALID', 'AUTH_INVALID'])
})

test('verify() neither sends a token anywhere, nor logs it, nor shows it in what the verifier tells [RFC9700-4.9.3]', async () => {
  const opened = await testIssuer({ keys: [key.jwk] })
  onTestFinished(opened.close)
  const sent: string[] = []
  const write = Socket.prototype.write
  const spy = vi.spyOn(Socket.prototype, 'write').mockImplementation(function (this: Socket, ...parameters) {
    sent.push(String(parameters[0]))
    return write.apply(this, parameters as Parameters<typeof write>)
  })
  const output = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')]
  onTestFinished(() => void vi.restoreAllMocks())
  const { verifier, verdictOn } = testVerifier({ issuer: opened.url, keys: undefined, revocations: 'feed' })
  const token = tokenOf(key, { claims: claimsOf({ iss: opened.url, aud: audience }) })
  const forged = tokenOf(es256Key(), { claims: claimsOf({ iss: opened.url, aud: audience }) })

  const verdicts = [await verdictOn(token), await verdictOn(token), await verdictOn(forged)]

  const printed = output.flatMap(({ mock }) => mock.calls.map(([text]) => String(text)))
  spy.mockRestore()
  const said = [...sent, ...printed, inspect(verifier, { depth: 10 }), JSON.stringify(verifier.status())].join('\n')
  expect(verdicts).toEqual(['taken', 'taken', 'AUTH_INVALID'])
  expect(said).toContain('/.well-known/jwks.json')
  for (const secret of [token, forged]) for (const part of secret.split('.').slice(1)) expect(said).not.toContain(part)
})
