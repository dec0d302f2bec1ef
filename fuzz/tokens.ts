import { createHmac, createSecretKey } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { compactVerify } from 'jose'
import { readCompactToken, readJsonObject } from '../packages/verify/src/compact-token.ts'

const secret = Buffer.alloc(32, 7)
const key = createSecretKey(secret)

/** What happens to the text of a part before it is signed: each is a spelling that readers disagree about, or none. */
const spellings: readonly ((text: string) => string)[] = [
  (text) => ` ${text}\n`,
  (text) => text.replace('{', '{ "x" : 1 , '),
  (text) => text.replace('{', '{"alg":"none",'),
  (text) => text.replace('{', '{"\\u0061lg":"none",'),
  (text) => text.replace('{', '{"sub":1,"sub":2,'),
  (text) => text.replace('{', '{"__proto__":{},'),
  (text) => text.replace('{', '{"n":1e999,'),
  (text) => text.replace('{', '{"n":-0,"m":1.0,'),
  (text) => text.replace('{', '{"s":"\\ud800",'),
  (text) => text.replace('{', '{"s":"\\u00e9\\/",'),
  (text) => text.replace('{', `{"d":${'['.repeat(32)}${']'.repeat(32)},`),
  (text) => text.replace('{', '{"crit":["b64"],"b64":false,'),
  (text) => text.replace('{', '{"zip":"DEF",'),
  (text) => `\ufeff${text}`,
  (text) => `${text}x`,
  (text) => text.replace('{', '{"s":"\ufffd",'),
  (text) => `[${text}]`,
  (text) => text.slice(1),
  () => 'null',
  () => '',
]
/** What happens to its base64url. */
const encodings: readonly ((part: string) => string)[] = [
  (part) => `${part}=`,
  (part) => part.replaceAll('-', '+').replaceAll('_', '/'),
  (part) => `${part.slice(0, 4)}\n${part.slice(4)}`,
  (part) => part.replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)),
  (part) => `${part}A`,
  (part) => part.slice(0, -1),
]
const rarely = <Change>(changes: readonly Change[], none: Change) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(none) }, { weight: 1, arbitrary: fc.constantFrom(...changes) })

const unchanged = (text: string) => text
const header = fc.record(
  {
    alg: fc.oneof({ weight: 9, arbitrary: fc.constant('HS256') }, fc.constantFrom('none', 'HS512', 'hs256', 'ES256')),
    typ: fc.oneof(
      { weight: 9, arbitrary: fc.constant('at+jwt') },
      fc.constantFrom('JWT', 'AT+JWT', 'application/at+jwt'),
    ),
    kid: fc.oneof(fc.string({ maxLength: 12 }), fc.stringMatching(/^[a-z0-9]{1,12}$/)),
    jwk: fc.constant({ kty: 'oct', k: 'AAAA' }),
  },
  { requiredKeys: ['alg', 'typ'] },
)
const claims = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 })

type Read = { payload: unknown; algorithm: unknown; keyId: unknown }

/**
 * Takes tokens apart as `jose` does. What ours takes, jose takes too, and reads the same in it. Where jose takes more,
 * one of these was so: a text that is not spelled as JSON.stringify would, or holds `__proto__`, a lone surrogate or 32
 * levels; a part that is not in canonical base64url; another `typ`, an odd `kid`, or `crit`, `b64`, `zip` or `cty`.
 */
export const readsTokensAsOracle = fc.asyncProperty(
  ...([
    header,
    claims,
    rarely(spellings, unchanged),
    rarely(spellings, unchanged),
    rarely(encodings, unchanged),
  ] as const),
  fc.nat(2),
  async (head, body, spellHead, spellBody, encode, at) => {
    const texts = [spellHead(JSON.stringify(head)), spellBody(JSON.stringify(body))]
    const parts = texts.map((text) => Buffer.from(text).toString('base64url'))
    const [protectedHeader = '', payload = ''] = parts.map((part, place) => (place === at ? encode(part) : part))
    const mac = createHmac('sha256', secret).update(`${protectedHeader}.${payload}`).digest('base64url')
    const token = `${protectedHeader}.${payload}.${at === 2 ? encode(mac) : mac}`

    const ours = readOurs(token)
    const theirs = await readTheirs(token)

    if (ours) return isDeepStrictEqual(ours, theirs)
    return theirs === undefined || isOneOfOurs(texts, token, head)
  },
)

function readOurs(token: string): Read | undefined {
  try {
    const { algorithm, keyId, payload, signature, signedText } = readCompactToken(token)
    const isSigned = createHmac('sha256', secret).update(signedText).digest().equals(signature)
    if (algorithm !== 'HS256' || !isSigned) return undefined
    return { payload: readJsonObject(payload), algorithm, keyId }
  } catch {
    return undefined
  }
}

async function readTheirs(token: string): Promise<Read | undefined> {
  try {
    const { payload, protectedHeader } = await compactVerify(token, key, { algorithms: ['HS256'] })
    const value: unknown = JSON.parse(new TextDecoder().decode(payload))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return { payload: value, algorithm: protectedHeader.alg, keyId: protectedHeader.kid }
  } catch {
    return undefined
  }
}

/** Says whether a reason of ours to refuse more than jose does is there. */
function isOneOfOurs(texts: readonly string[], token: string, { typ, kid }: { typ: string; kid?: string }): boolean {
  const isSpelledWell = (part: string) => Buffer.from(part, 'base64url').toString('base64url') === part
  const isPlain = !/"(crit|b64|zip|cty)"/.test(texts[0] ?? '')
  const isKidPlain = kid === undefined || /^[A-Za-z0-9._~:@+/=-]{1,128}$/.test(kid)
  const isTypeOurs = typ === 'at+jwt' || typ === 'application/at+jwt'
  return !(texts.every(isCanonical) && token.split('.').every(isSpelledWell) && isPlain && isKidPlain && isTypeOurs)
}

/** Spelled as JSON.stringify would, and with none of what ours refuses in a good spelling. */
function isCanonical(text: string): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === text && !/__proto__|\\ud|\[{32}/.test(text)
  } catch {
    return false
  }
}
