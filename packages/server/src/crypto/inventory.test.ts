import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const packages = join(import.meta.dirname, '../../..')
const sources = globSync(['*/src/**/*.ts', '*/bin/*.js'], { cwd: packages })
  .filter((file) => !/\.test\.ts$|\/testing\//.test(file))
  .map((file) => ({ file, text: readFileSync(join(packages, file), 'utf8') }))

/** Every file that may hash, sign, seal or draw, and with what. A new use is listed here, and in the change that needs it. */
const inventory: Record<string, string[]> = {
  'server/src/cli/core.ts': ['randomBytes', 'randomInt'],
  'server/src/cli/init.ts': ['randomBytes'],
  'server/src/crypto/access-tokens.ts': ['createHmac', 'sign'],
  'server/src/crypto/list-positions.ts': ['createHmac', 'randomBytes'],
  'server/src/crypto/master-key.ts': ['randomBytes'],
  'server/src/crypto/seal.ts': ['createCipheriv', 'createDecipheriv', 'hkdfSync', 'randomBytes'],
  'server/src/crypto/secrets.ts': ['createHash', 'randomBytes', 'randomUUID'],
  'server/src/crypto/signing-keys.ts': ['createHash', 'createPrivateKey', 'createPublicKey', 'generateKeyPairSync'],
  'server/src/hashing/bcrypt.ts': ['createHash', 'createHmac', 'hashSync', 'randomBytes', 'verifySync'],
  'server/src/hashing/passwords.ts': ['randomBytes'],
  'server/src/hashing/pepper.ts': ['createHmac'],
  'server/src/http/node-listener.ts': ['randomUUID'],
  'server/src/storage/postgres-news.ts': ['randomUUID'],
  'verify/src/guard.ts': ['randomUUID'],
  'verify/src/keys.ts': ['createPublicKey', 'createSecretKey'],
  'verify/src/signature.ts': ['createHmac', 'timingSafeEqual', 'verify'],
}

test('no file hashes, signs, seals or draws but as the inventory lists it [ASVS 11.1.3]', () => {
  const uses = sources.flatMap(({ file, text }) => cryptographyIn(text).map((name) => `${file}: ${name}`))

  const listed = Object.entries(inventory).flatMap(([file, names]) => names.map((name) => `${file}: ${name}`))
  expect(uses.length).toBeGreaterThan(20)
  expect(uses.filter((use) => !listed.includes(use))).toEqual([])
})

test('cryptography comes from node:crypto and @node-rs/bcrypt, and from no other module [ASVS 11.2.1]', () => {
  const foreign =
    /from '(?:crypto|bcrypt[^']*|argon2[^']*|jose|jsonwebtoken|crypto-js|@noble\/[^']*|tweetnacl|uuid|nanoid|node-forge)'/
  const global = /\bcrypto\.(?:subtle|getRandomValues|randomUUID)|import\('(?:node:)?crypto'\)|require\(/

  const users = sources.filter(({ text }) => foreign.test(text) || global.test(text))

  expect(users.map(({ file }) => file)).toEqual([])
})

test('the one cipher is AES-256-GCM: no ECB, and no encryption by RSA [ASVS 11.3.1]', () => {
  const ciphers = sources.flatMap(({ text }) => argumentsOf(text, 'createCipheriv|createDecipheriv'))

  const unwanted = sources.filter(({ text }) => /\becb\b|publicEncrypt|privateDecrypt|privateEncrypt/i.test(text))
  expect(new Set(ciphers)).toEqual(new Set(["'aes-256-gcm'"]))
  expect(unwanted.map(({ file }) => file)).toEqual([])
})

test('no secret, digest, hash or token is compared by an operator: a MAC by timingSafeEqual over equal lengths, the rest is looked up by its digest [ASVS 11.2.4]', () => {
  const before = /(?:secret|digest|hash|mac|signature|token|credential|pepper)\)* [!=]==(?! undefined\b| ')/i
  const after = /[!=]== [\w.]*(?:secret|digest|hash|mac|signature|token|credential|pepper)\b(?!\.length)/i

  // Two stored hashes, of which no caller can choose one: whether the row was replaced meanwhile.
  const amongStored = 'current.passwordHash !== user.passwordHash'

  const comparing = sources
    .map(({ file, text }) => ({ file, text: text.replace(amongStored, '') }))
    .filter(({ text }) => before.test(text) || after.test(text))

  const comparers = sources.filter(({ text }) => text.includes('timingSafeEqual('))
  expect(comparing.map(({ file }) => file)).toEqual([])
  expect(comparers.map(({ file }) => file)).toEqual(['verify/src/signature.ts'])
  expect(comparers[0]?.text).toContain('expected.length === signature.length && timingSafeEqual(expected, signature)')
})

test('every hash, also under a MAC or in a key, is SHA-256: no MD5 and no SHA-1 [ASVS 11.4.1]', () => {
  const hashes = sources.flatMap(({ text }) => argumentsOf(text, 'createHash|createHmac|hkdfSync'))

  expect(new Set(hashes)).toEqual(new Set(["'sha256'"]))
})

test('every signature is made and checked over SHA-256, but for Ed25519, which brings its own hash [ASVS 11.4.3]', () => {
  const hashes = sources
    .filter(({ text }) => /import \{[^}]*\b(?:sign|verify)\b[^}]*\} from 'node:crypto'/.test(text))
    .flatMap(({ text }) => argumentsOf(text, '(?<![.\\w])(?:sign|verify)'))

  expect(new Set(hashes)).toEqual(new Set(["'sha256'", 'null', "algorithm === 'RS256' ? 'sha256' : null"]))
})

/** What a file imports of the modules that do cryptography; types do none. */
function cryptographyIn(text: string): string[] {
  const imports = text.matchAll(
    /import\s+(?:\{([^}]*)\}|(\*[^;\n]*?|\w+))\s+from\s+'(?:node:crypto|@node-rs\/bcrypt)'/g,
  )
  return [...imports].flatMap(([, names, whole]) =>
    (names ?? whole ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name && !name.startsWith('type ')),
  )
}

/** The first argument of every call of these functions, as it is written. */
function argumentsOf(text: string, functions: string): string[] {
  return [...text.matchAll(new RegExp(`(?:${functions})\\(([^,)]+)[,)]`, 'g'))].map(([, first = '']) => first.trim())
}
