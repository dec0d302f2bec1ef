/** A mutant that lives and may: it does the same, or what it does cannot be told apart from outside. */
export interface Accepted {
  /** Relative to the root. */
  readonly file: string
  /** The line of source on which the mutant begins, without its indentation. */
  readonly line: string
  /** The whole source text that is replaced. */
  readonly original: string
  readonly replacement: string
  readonly reason: string
}

const email = 'packages/server/src/domain/email.ts'
const crypto = 'packages/server/src/crypto'
const masterKey = `${crypto}/master-key.ts`
const positions = `${crypto}/list-positions.ts`

const bearer = 'packages/verify/src/bearer.ts'
const eventStream = 'packages/verify/src/event-stream.ts'
const eventStreamParser = 'packages/verify/src/event-stream-parser.ts'
const httpRequest = 'packages/verify/src/http-request.ts'
const listLoader = 'packages/verify/src/list-loader.ts'
const keySource = 'packages/verify/src/key-source.ts'
const keys = 'packages/verify/src/keys.ts'
const owner = 'packages/verify/src/owner.ts'
const signature = 'packages/verify/src/signature.ts'
const revocationFeed = 'packages/verify/src/revocation-feed.ts'
const strictJson = 'packages/verify/src/strict-json.ts'
const tokenCache = 'packages/verify/src/token-cache.ts'
const statusBits = 'packages/verify/src/status-bits.ts'
const refreshSession = 'packages/server/src/flows/refresh-session.ts'
const logIn = 'packages/server/src/flows/log-in.ts'

const endsNoProcess =
  'Seen where a process does not end: tried in one of its own, which runs the source as it is written.'

const decoy = {
  file: 'packages/server/src/flows/decoy-user.ts',
  line: "return { id: newId() as UserId, email: '', passwordHash, createdAt: 0, lastLoginAt: 0, isActive: true }",
}
const race = {
  file: masterKey,
  reason:
    'Reached where another process was quicker: tried with four processes, which run the source as it is written.',
}
const listsKept = {
  file: positions,
  line: 'if (roundsOf.size >= maxListsKept) roundsOf.clear()',
  reason: 'Bounds memory, and is seen in no answer: what was forgotten is computed again.',
}

/** Every survivor that was looked at and left. One that is not on this list fails the run. */
export const accepted: readonly Accepted[] = [
  {
    file: email,
    line: "const isAscii = character <= '\\u007f'",
    original: "character <= '\\u007f'",
    replacement: "character < '\\u007f'",
    reason: 'DEL is no letter of a local part: it is refused a few lines later with the same words.',
  },
  {
    file: email,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text, as it stands in the file
    line: "const ascii = URL.parse(`http://${typed}`)?.hostname ?? ''",
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'Stands for a domain that cannot be parsed: a text of one label is refused, whichever it is.',
  },
  {
    file: email,
    line: "const isNumeric = /^[0-9]+$/.test(labels.at(-1) ?? '')",
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'Never reached: split() answers one label at least. The type does not know.',
  },
  {
    file: masterKey,
    line: 'if (existing) return { bytes: existing, isNew: false }',
    original: 'existing',
    replacement: 'false',
    reason: 'The same answer on a longer way: the new key cannot take the place of the one that is there.',
  },
  {
    file: masterKey,
    line: 'fsyncSync(file)',
    original: 'fsyncSync(file)',
    replacement: ';',
    reason: 'Seen only after a power cut.',
  },
  { ...race, line: 'if (winner) return { bytes: winner, isNew: false }', original: 'winner', replacement: 'false' },
  {
    ...race,
    line: 'if (winner) return { bytes: winner, isNew: false }',
    original: '{ bytes: winner, isNew: false }',
    replacement: '{}',
  },
  { ...race, line: 'if (winner) return { bytes: winner, isNew: false }', original: 'false', replacement: 'true' },
  ...['true', '""'].map((replacement) => ({
    file: masterKey,
    line: "if (process.platform !== 'win32' && (status.mode & 0o077) !== 0) {",
    original: replacement === 'true' ? "process.platform !== 'win32'" : "'win32'",
    replacement,
    reason: 'Tells on Windows alone.',
  })),
  ...['true', 'false', 'roundsOf.size > maxListsKept', 'roundsOf.size < maxListsKept'].map((replacement) => ({
    ...listsKept,
    original: 'roundsOf.size >= maxListsKept',
    replacement,
  })),
  { ...listsKept, original: 'roundsOf.clear()', replacement: ';' },
  {
    file: `${crypto}/secrets.ts`,
    line: "return createHash('sha256').update(secret, 'utf8').digest('base64url')",
    original: "'utf8'",
    replacement: '""',
    reason: 'What Node takes for text where nothing is said.',
  },
  {
    file: `${crypto}/seal.ts`,
    line: "return Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(",
    original: "'utf8'",
    replacement: '""',
    reason: 'What Node takes for text where nothing is said.',
  },
  {
    file: `${crypto}/seal.ts`,
    line: "const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })",
    original: '{ authTagLength: tagBytes }',
    replacement: '{}',
    reason: 'The tag is cut to its length one line later; Node then warns of nothing and takes no other.',
  },
  ...['false', "''"].map((replacement) => ({
    file: `${crypto}/access-tokens.ts`,
    line: "return sign(algorithm === 'RS256' ? 'sha256' : null, content, privateKey)",
    original: replacement === 'false' ? "algorithm === 'RS256'" : "'RS256'",
    replacement: replacement === 'false' ? 'false' : '""',
    reason: 'OpenSSL signs by SHA-256 with an RSA key where no hash is named.',
  })),
  {
    file: `${crypto}/device-tokens.ts`,
    line: "function open(token = ''): { owner?: UserId; device?: string | undefined } {",
    original: "''",
    replacement: '"Stryker was here!"',
    reason: 'Stands for a token that tells nothing: whatever it is, it cannot be opened.',
  },
  {
    file: keys,
    line: 'if (!Array.isArray(keys)) return []',
    original: '[]',
    replacement: '["Stryker was here"]',
    reason: 'A text in place of a key is skipped.',
  },
  {
    file: keys,
    line: '} catch {',
    original: '{\n    return undefined\n  }',
    replacement: '{}',
    reason: 'A function that ends without a word gives undefined.',
  },
  ...[
    "return signature.length === 64 && verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)",
    'return signature.length === 64 && verify(null, signed, key, signature)',
  ].map((line) => ({
    file: signature,
    line,
    original: 'signature.length === 64',
    replacement: 'true',
    reason: 'OpenSSL looks at the length too. Ours is asked first so as not to depend on that.',
  })),
  {
    file: signature,
    line: 'return expected.length === signature.length && timingSafeEqual(expected, signature)',
    original: 'expected.length === signature.length',
    replacement: 'true',
    reason: 'Where the lengths differ timingSafeEqual throws, which is no match either.',
  },
  {
    file: 'packages/verify/src/claims.ts',
    line: "const whole = rules.profile === 'rfc9068' ? { ...claims, user_id: claims['sub'] } : claims",
    original: "rules.profile === 'rfc9068'",
    replacement: 'true',
    reason: 'The same claims in a copy, which a token of ours does not need.',
  },
  {
    file: statusBits,
    line: 'store.epoch += 1',
    original: 'store.epoch += 1',
    replacement: 'store.epoch -= 1',
    reason: 'Whoever knows the epoch asks only whether it is another.',
  },
  {
    file: statusBits,
    line: 'for (let at = 0; at < bytesPerList; at += 1) bytes[start + at] = (bytes[start + at] ?? 0) | (bits[at] ?? 0)',
    original: 'at < bytesPerList',
    replacement: 'at <= bytesPerList',
    reason: 'The byte after the last has nothing to add.',
  },
  {
    file: statusBits,
    line: 'if ((partsInUse + toCome) * bytesPerList > store.bytes.length) resize(partsInUse + toCome)',
    original: '(partsInUse + toCome) * bytesPerList > store.bytes.length',
    replacement: '(partsInUse + toCome) * bytesPerList >= store.bytes.length',
    reason: 'Where the room is just enough, the same room is made again.',
  },
  ...['!user', "'AUTH_REVOKED'"].map((original) => ({
    file: 'packages/server/src/flows/change-password.ts',
    line: "if (!user) throw new Refusal('AUTH_REVOKED')",
    original,
    replacement: original === '!user' ? 'false' : '""',
    reason: 'Reached where the account goes between two questions in a row.',
  })),
  {
    file: logIn,
    line: 'if (!current?.isActive) return {}',
    original: 'current?.isActive',
    replacement: 'current.isActive',
    reason: 'Reached where the account goes while its password is compared.',
  },
  ...["''", 'true'].map((original) => ({
    ...decoy,
    original,
    replacement: original === 'true' ? 'false' : '"Stryker was here!"',
    reason: 'Of who stands in for nobody no answer tells.',
  })),
  {
    ...decoy,
    original: "{ id: newId() as UserId, email: '', passwordHash, createdAt: 0, lastLoginAt: 0, isActive: true }",
    replacement: '{}',
    reason: 'The same hash is compared. What a row of another size takes is seen in the time alone: npm run timing.',
  },
  {
    file: 'packages/server/src/flows/begin-anew.ts',
    line: 'if (!(await deps.store.restores.isCopy())) return false',
    original: '!(await deps.store.restores.isCopy())',
    replacement: 'false',
    reason: 'It is asked again under the lock, for which a start on any other database need not wait.',
  },
  ...['!live', "'AUTH_REFRESH_INVALID'"].map((original) => ({
    file: refreshSession,
    line: "if (!live) throw new Refusal('AUTH_REFRESH_INVALID')",
    original,
    replacement: original === '!live' ? 'false' : '""',
    reason: 'Reached where time ends the session between two statements of one transaction.',
  })),
  {
    file: refreshSession,
    line: "return sealUnder(presented, 'refresh token successor')",
    original: "'refresh token successor'",
    replacement: '""',
    reason: 'Keeps seals of one key apart, and no other is under a refresh token.',
  },
  ...inVerifier(
    'The same answer on a longer way.',
    [
      'if (claims === undefined || revocations === undefined) return claims',
      [
        ['claims === undefined || revocations === undefined', 'false'],
        ['claims === undefined || revocations === undefined', 'claims === undefined && revocations === undefined'],
        ['claims === undefined', 'false'],
        ['revocations === undefined', 'false'],
      ],
    ],
    [
      'mayRemember = (instant < leaseUntil && instant >= leaseFrom) || renewLease(instant)',
      [
        ['instant < leaseUntil && instant >= leaseFrom', 'false'],
        ['instant >= leaseFrom', 'instant > leaseFrom'],
      ],
    ],
    ['leaseUntil = instant + milliseconds', [['instant + milliseconds', 'instant - milliseconds']]],
    ['isTurnWatched = true', [['true', 'false']]],
    [
      'return introspection !== undefined && feed?.freshMilliseconds() === 0',
      [['feed?.freshMilliseconds() === 0', 'true']],
    ],
    ['noteHeader(parts)', [['noteHeader(parts)', ';']]],
    [
      'function noteHeader({ headerText, algorithm, keyId }: CompactToken): void {',
      [
        [
          '{\n    if (knownHeaders.size >= maxKnownHeaders || knownHeaders.has(headerText)) return\n    knownHeaders.set(headerText, { algorithm, keyId })\n  }',
          '{}',
        ],
      ],
    ],
    [
      'if (knownHeaders.size >= maxKnownHeaders || knownHeaders.has(headerText)) return',
      [
        ['knownHeaders.size >= maxKnownHeaders || knownHeaders.has(headerText)', 'true'],
        ['knownHeaders.size >= maxKnownHeaders || knownHeaders.has(headerText)', 'false'],
        [
          'knownHeaders.size >= maxKnownHeaders || knownHeaders.has(headerText)',
          'knownHeaders.size >= maxKnownHeaders && knownHeaders.has(headerText)',
        ],
        ['knownHeaders.size >= maxKnownHeaders', 'false'],
        ['knownHeaders.size >= maxKnownHeaders', 'knownHeaders.size > maxKnownHeaders'],
        ['knownHeaders.size >= maxKnownHeaders', 'knownHeaders.size < maxKnownHeaders'],
      ],
    ],
    ['if (claims !== undefined) return claims', [['claims !== undefined', 'false']]],
    ['endLease()', [['endLease()', ';']]],
    ['Promise.resolve(keys.get()).catch(() => {})', [['Promise.resolve(keys.get()).catch(() => {})', ';']]],
  ),
  ...inVerifier(
    'Costs memory alone: one address has several numbers then.',
    ['if (known !== undefined) return known', [['known !== undefined', 'false']]],
    ['numbers.set(status.uri, number)', [['numbers.set(status.uri, number)', ';']]],
    ['uris = []', [['[]', '["Stryker was here"]']]],
    ['let uris: string[] = []', [['[]', '["Stryker was here"]']]],
  ),
  ...inVerifier(
    'Neither is there without the other.',
    [
      'if (revocations === undefined || status === undefined) return claims',
      [
        ['revocations === undefined || status === undefined', 'revocations === undefined && status === undefined'],
        ['revocations === undefined', 'false'],
        ['status === undefined', 'false'],
      ],
    ],
    [
      "if (verified.status && revocations?.isRevoked(verified.status)) throw new TokenError('AUTH_REVOKED')",
      [['revocations?.isRevoked', 'revocations.isRevoked']],
    ],
    [
      'return introspection !== undefined && feed?.freshMilliseconds() === 0',
      [['feed?.freshMilliseconds', 'feed.freshMilliseconds']],
    ],
    [
      'if (!isFresh) await introspection?.assertActive(token, verified.claims)',
      [['introspection?.assertActive', 'introspection.assertActive']],
    ],
    ['else await introspection?.assertAnswered()', [['introspection?.assertAnswered', 'introspection.assertAnswered']]],
  ),
  ...inVerifier('Never reached: every token that is remembered names a number that has an address.', [
    "return admitNow({ claims, status: { uri: uris[cache.place(slot)] ?? '', index: cache.index(slot) } })",
    [["''", '"Stryker was here!"']],
  ]),
  ...inVerifier('Written over before it is read.', ['let mayRemember = false', [['false', 'true']]]),
  ...inVerifier('No token is remembered by then, so none is asked about.', [
    'if (cachedBy === undefined || keys.atHand() !== cachedBy) return false',
    [['cachedBy === undefined', 'false']],
  ]),
  ...inVerifier('What decodes as base64url is ASCII, which is the same in both.', [
    "if (!signatureMatches(key, Buffer.from(signedText, 'latin1'), signature)) throw new TokenError('AUTH_INVALID')",
    [["'latin1'", '""']],
  ]),
  ...inVerifier('Of a token it was asked before; for a list of the issuer a key is then looked for in vain.', [
    'assertAllowed(parts, settings)',
    [['assertAllowed(parts, settings)', ';']],
  ]),
  ...inVerifier('By no key no signature matches either.', [
    "if (!newer || !key) throw new TokenError('AUTH_INVALID')",
    [
      ['!newer || !key', 'false'],
      ['!newer || !key', '!newer && !key'],
      ["throw new TokenError('AUTH_INVALID')", ';'],
    ],
  ]),
  ...inVerifier('An address that is none cannot be fetched either: only the words differ.', [
    "if (keySet === undefined) throw new Error('Cannot fetch the key set: the metadata of the issuer names none')",
    [
      ['keySet === undefined', 'false'],
      ["throw new Error('Cannot fetch the key set: the metadata of the issuer names none')", ';'],
    ],
  ]),
  ...inVerifier('Who asks for introspection and shows no credential is refused before. The type does not know.', [
    "if (onStale !== 'introspect' || credential === undefined) return undefined",
    [['credential === undefined', 'false']],
  ]),
  ...inVerifier(
    'Where nothing is known of the issuer, what is thrown becomes the refusal that an address of none becomes.',
    [
      'const endpoint = () => discovery.atHand()?.introspection',
      [['discovery.atHand()?.introspection', 'discovery.atHand().introspection']],
    ],
  ),
  ...inVerifier(endsNoProcess, [
    'return promise.finally(() => clearInterval(awake))',
    [['() => clearInterval(awake)', '() => undefined']],
  ]),
  ...inFile(
    tokenCache,
    'Costs memory, and no answer.',
    ['if (slot * stride >= numbers.length) grow()', [['slot * stride >= numbers.length', 'true']]],
    [
      'allClaims.fill(undefined, youngStart, youngStart + generationSize)',
      [['youngStart + generationSize', 'youngStart - generationSize']],
    ],
    [
      'const grown = new Int32Array(Math.min(Math.max(numbers.length * 2, 4_096), 2 * generationSize * stride))',
      [
        [
          'Math.min(Math.max(numbers.length * 2, 4_096), 2 * generationSize * stride)',
          'Math.max(Math.max(numbers.length * 2, 4_096), 2 * generationSize * stride)',
        ],
      ],
    ],
  ),
  ...inFile(
    tokenCache,
    'Of what is in no slot there are no claims, and an old token that is known has some.',
    ['const claims = slot === undefined ? undefined : allClaims[slot]', [['slot === undefined', 'false']]],
    [
      'if (slot === undefined || claims === undefined) return notKnown',
      [
        ['slot === undefined', 'false'],
        ['claims === undefined', 'false'],
        ['slot === undefined || claims === undefined', 'slot === undefined && claims === undefined'],
      ],
    ],
  ),
  ...inFile(tokenCache, 'The same answer on a longer way.', [
    'find: (token) => young.get(token) ?? (old.size === 0 ? notKnown : findOld(token)),',
    [['old.size === 0', 'false']],
  ]),
  ...inFile(
    tokenCache,
    'Written over before it is read.',
    ['let allClaims: (AccessClaims | undefined)[] = []', [['[]', '["Stryker was here"]']]],
    ['allClaims = []', [['[]', '["Stryker was here"]']]],
  ),
  ...inFile(
    bearer,
    'Stands for a value that is no header of ours: whatever it is, it is of another scheme.',
    ["const value = authorization[0] ?? ''", [["''", '"Stryker was here!"']]],
    [
      "const [, scheme, rest = ''] = schemeAndRest.exec(value) ?? []",
      [
        ["''", '"Stryker was here!"'],
        ['[]', '["Stryker was here"]'],
      ],
    ],
  ),
  ...inFile(
    bearer,
    'The same answer on a longer way.',
    [
      "if (token === undefined && !isBearer(value)) throw new TokenError('AUTH_MISSING')",
      [['token === undefined', 'true']],
    ],
    [
      "if (name?.length !== 'authorization'.length || name.toLowerCase() !== 'authorization') continue",
      [["name?.length !== 'authorization'.length", 'false']],
    ],
  ),
  ...inFile(
    bearer,
    'Names and values come in pairs. The type does not know.',
    ['for (let at = 1; at < rawHeaders.length; at += 2) {', [['at < rawHeaders.length', 'at <= rawHeaders.length']]],
    [
      "if (name?.length !== 'authorization'.length || name.toLowerCase() !== 'authorization') continue",
      [['name?.length', 'name.length']],
    ],
    ['if (value !== undefined) values.push(value)', [['value !== undefined', 'true']]],
  ),
  ...inFile('packages/verify/src/fetch.ts', 'Stands for no header: whatever it is, it is of another scheme.', [
    'return authorization === null ? [] : authorization.split(/,\\s*(?=bearer(?:\\s|$))/i)',
    [['[]', '["Stryker was here"]']],
  ]),
  ...inFile('packages/verify/src/fetch.ts', 'A URL begins with its scheme.', [
    'return url.slice(start, end < 0 ? undefined : end)',
    [['end < 0', 'end <= 0']],
  ]),
  ...inFile(
    'packages/verify/src/health.ts',
    'Neither is looked at further: a patience that was given up, and which kind of no it was.',
    [
      'const patience = setTimeout(patienceMilliseconds, false, { signal: ended.signal }).catch(() => false)',
      [
        ['() => false', '() => undefined'],
        ['false', 'true'],
      ],
    ],
    ['() => false,', [['() => false', '() => undefined']]],
  ),
  ...inFile('packages/verify/src/hono.ts', 'What is looked for and not there is of no type either.', [
    "if (!('rawHeaders' in incoming) || !('url' in incoming)) return undefined",
    [
      ["!('rawHeaders' in incoming) || !('url' in incoming)", 'false'],
      ["!('rawHeaders' in incoming) || !('url' in incoming)", "!('rawHeaders' in incoming) && !('url' in incoming)"],
    ],
  ]),
  ...inFile(owner, 'Of a target that begins with its query no segment is plain.', [
    'const path = query < 0 ? url : url.slice(0, query)',
    [['query < 0', 'query <= 0']],
  ]),
  ...inFile(
    owner,
    'The same answer on a longer way: the quick look gives up where it need not.',
    [
      'if (plainPath.test(path) && isSegmentAt(path.indexOf(userId), path, userId)) return true',
      [['plainPath.test(path) && isSegmentAt(path.indexOf(userId), path, userId)', 'false']],
    ],
    [
      'function isSegmentAt(at: number, path: string, { length }: string): boolean {',
      [
        [
          "{\n  return at > 0 && path[at - 1] === '/' && (at + length === path.length || path[at + length] === '/')\n}",
          '{}',
        ],
      ],
    ],
    [
      "return at > 0 && path[at - 1] === '/' && (at + length === path.length || path[at + length] === '/')",
      [
        ["at > 0 && path[at - 1] === '/' && (at + length === path.length || path[at + length] === '/')", 'false'],
        ['at > 0', 'at <= 0'],
        ['at - 1', 'at + 1'],
        ["'/'", '""'],
        [
          "at + length === path.length || path[at + length] === '/'",
          "at + length === path.length && path[at + length] === '/'",
        ],
        ['at + length === path.length', 'false'],
        ['at + length', 'at - length'],
        ["path[at + length] === '/'", 'false'],
      ],
    ],
  ),
  ...inFile(owner, 'Before the first character there is no slash.', [
    "return at > 0 && path[at - 1] === '/' && (at + length === path.length || path[at + length] === '/')",
    [
      ['at > 0', 'true'],
      ['at > 0', 'at >= 0'],
    ],
  ]),
  ...inFile('packages/verify/src/remote-keys.ts', 'Stands for no header: whatever it is, it names no age.', [
    "return { set, maxAgeSeconds: maxAgeOf(response.headers.get('cache-control') ?? '') }",
    [["''", '"Stryker was here!"']],
  ]),
  ...inFile('packages/verify/src/discovery.ts', 'Stands for no header: whatever it is, it names no age.', [
    "renewAt = elapsed() + maxAgeOf(String(answer.headers['cache-control'] ?? '')) * 1_000",
    [["''", '"Stryker was here!"']],
  ]),
  ...inFile(
    'packages/verify/src/discovery.ts',
    'Never reached: nothing but errors is thrown. The type does not know.',
    [
      "const reason = cause instanceof Error ? cause.message : 'the issuer could not be asked'",
      [["'the issuer could not be asked'", '""']],
    ],
  ),
  ...inFile(eventStreamParser, 'Never reached: split() answers one line at least. The type does not know.', [
    "const [first = '', ...rest] = text.slice(isRestOfLineEnd ? 1 : 0).split(/\\r\\n|\\r|\\n/)",
    [["''", '"Stryker was here!"']],
  ]),
  ...inFile(
    eventStreamParser,
    'Before a colon at the beginning there is no name: a comment is no field, however it is cut.',
    ['const field = colon < 0 ? text : text.slice(0, colon)', [['colon < 0', 'colon <= 0']]],
    ["const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')", [['colon < 0', 'colon <= 0']]],
  ),
  ...inFile(eventStreamParser, 'An empty line before the first field says nothing.', [
    'let endedInReturn = false',
    [['false', 'true']],
  ]),
  ...inFile(
    eventStream,
    'The request has told of it by then. It is heard lest an error that nobody hears ends the process.',
    [
      "response.on('error', (error) => {",
      [
        ["'error'", '""'],
        ['{\n      reason = error.message\n    }', '{}'],
      ],
    ],
  ),
  ...inFile(
    eventStream,
    endsNoProcess,
    ['timer.unref()', [['timer.unref()', ';']]],
    ['silence.unref()', [['silence.unref()', ';']]],
    [
      "request.on('socket', (socket) => socket.unref())",
      [
        ["'socket'", '""'],
        ['(socket) => socket.unref()', '() => undefined'],
      ],
    ],
  ),
  ...inFile(httpRequest, 'The agent, which is of the same address, decides by which protocol it asks.', [
    "const open = url.startsWith('https:') ? requestHttps : requestHttp",
    [
      ["url.startsWith('https:')", "url.endsWith('https:')"],
      ["'https:'", '""'],
    ],
  ]),
  ...inFile(httpRequest, 'What Node asks by where nothing is said.', [
    "method: form ? 'POST' : 'GET',",
    [["'GET'", '""']],
  ]),
  ...inFile('packages/verify/src/introspection.ts', 'Of what is no object nothing is active: the same refusal.', [
    "if (typeof value !== 'object' || value === null) throw new Error('the introspection was answered with no object')",
    [["typeof value !== 'object'", 'false']],
  ]),
  ...inFile(
    keySource,
    'Asked only where there is a ring, with which it was written, or after a failure, which writes it.',
    ["let ringText = ''", [["''", '"Stryker was here!"']]],
    ['let hasFailed = false', [['false', 'true']]],
  ),
  ...inFile(keySource, 'After a load that did not fail there is a ring. The type does not know.', [
    "if (!ring) throw new TokenError('VERIFIER_UNAVAILABLE')",
    [
      ['!ring', 'false'],
      ["throw new TokenError('VERIFIER_UNAVAILABLE')", ';'],
    ],
  ]),
  ...inFile(keySource, 'What is no object has no list of keys, or throws when it is asked for one: the same failure.', [
    "const isKeySet = typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys)",
    [
      ["typeof set === 'object' && set !== null && 'keys' in set", 'true'],
      [
        "typeof set === 'object' && set !== null && 'keys' in set",
        "typeof set === 'object' && set !== null || 'keys' in set",
      ],
      ["typeof set === 'object' && set !== null", "typeof set === 'object' || set !== null"],
      ["typeof set === 'object' && set !== null", 'true'],
      ["typeof set === 'object'", 'true'],
      ['set !== null', 'true'],
    ],
  ]),
  ...inFile(listLoader, 'Bounds memory: a list that is over is not asked for again.', [
    'for (const list of tags.keys()) if (!live.has(list)) tags.delete(list)',
    [
      ['!live.has(list)', 'false'],
      ['tags.delete(list)', ';'],
    ],
  ]),
  ...inFile(
    listLoader,
    'A header that is not there is no number, and as a tag it is none. The type does not know.',
    ["if (typeof etag === 'string') tags.set(list, etag)", [["typeof etag === 'string'", 'true']]],
    [
      "if (typeof cursor !== 'string' || !/^[0-9]{1,15}$/.test(cursor)) throw new Error('an answer has no Revocation-Cursor')",
      [["typeof cursor !== 'string'", 'false']],
    ],
    [
      "const ageSeconds = typeof age === 'string' && /^[0-9]{1,9}$/.test(age) ? Number(age) : 0",
      [["typeof age === 'string'", 'true']],
    ],
  ),
  ...inFile(
    'packages/verify/src/remote-keys.ts',
    'An answer with 200 has a body, be it empty. The type does not know.',
    ['for await (const chunk of response.body ?? []) {', [['[]', '["Stryker was here"]']]],
  ),
  ...inFile(
    strictJson,
    'The same answer on a longer way: the quick look gives up where it need not.',
    ['if (value !== undefined) return value', [['value !== undefined', 'false']]],
    [
      'function parseCanonical(text: string, maxDepth: number): unknown {',
      [
        [
          "{\n  if (text.includes('\\\\') || text.includes('__proto__') || hasMoreBracketsThan(maxDepth, text)) return undefined\n  try {\n    const value: unknown = JSON.parse(text)\n    return JSON.stringify(value) === text ? value : undefined\n  } catch {\n    return undefined\n  }\n}",
          '{}',
        ],
      ],
    ],
    [
      "if (text.includes('\\\\') || text.includes('__proto__') || hasMoreBracketsThan(maxDepth, text)) return undefined",
      [
        ["text.includes('\\\\') || text.includes('__proto__') || hasMoreBracketsThan(maxDepth, text)", 'true'],
        ["'\\\\'", '""'],
        ["'__proto__'", '""'],
      ],
    ],
    [
      'try {',
      [
        [
          '{\n    const value: unknown = JSON.parse(text)\n    return JSON.stringify(value) === text ? value : undefined\n  }',
          '{}',
        ],
      ],
    ],
    ['return JSON.stringify(value) === text ? value : undefined', [['JSON.stringify(value) === text', 'false']]],
    [
      "for (const bracket of ['{', '[']) {",
      [
        ["'{'", '""'],
        ["'['", '""'],
      ],
    ],
    ['for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {', [['at + 1', 'at - 1']]],
    [
      'if (count > limit) return true',
      [
        ['count > limit', 'true'],
        ['count > limit', 'count >= limit'],
      ],
    ],
    ['return false', [['false', 'true']]],
  ),
  ...inFile(
    strictJson,
    'The same answer on a longer way.',
    [
      "if (text.includes('\\ufffd') && !isUtf8(bytes)) throw new StrictJsonError('JSON text is not valid UTF-8')",
      [["'\\ufffd'", '""']],
    ],
    ["const hasEscapes = text.includes('\\\\')", [["'\\\\'", '""']]],
    [
      'if (!hasEscapes && !isFollowedByColon(text, end)) return end',
      [['!hasEscapes && !isFollowedByColon(text, end)', 'false']],
    ],
    ["const value = raw.includes('\\\\') ? parseString(text.slice(start, end)) : raw", [["'\\\\'", '""']]],
  ),
  ...inFile(strictJson, 'A function that ends without a word gives undefined.', [
    '} catch {',
    [['{\n    return undefined\n  }', '{}']],
  ]),
  ...inFile(
    strictJson,
    'Behind the last character there is none that means anything.',
    ['while (at < text.length) {', [['at < text.length', 'at <= text.length']]],
    ['for (let at = start + 1; at < text.length; at += 1) {', [['at < text.length', 'at <= text.length']]],
  ),
  ...inFile(
    strictJson,
    'Tells only of what is no JSON, which the last reading refuses.',
    ['open.push(character === openBrace ? new Set() : undefined)', [['character === openBrace', 'true']]],
    [
      "throw new StrictJsonError('JSON text does not follow the grammar')",
      [["throw new StrictJsonError('JSON text does not follow the grammar')", ';']],
    ],
  ),
  ...inFile(strictJson, 'What is too great is so with either sign.', [
    '} else if (character === minus || (character >= zero && character <= nine)) {',
    [['character === minus', 'false']],
  ]),
  ...inFile(strictJson, 'Never reached: what begins with a quote is text, or no JSON. The type does not know.', [
    "if (typeof value !== 'string') throw new StrictJsonError('JSON text does not follow the grammar')",
    [
      ["typeof value !== 'string'", 'false'],
      ["throw new StrictJsonError('JSON text does not follow the grammar')", ';'],
    ],
  ]),
  ...inFile(strictJson, 'Never reached: the pattern matches nothing, too. The type does not know.', [
    "const literal = numberCharacters.exec(text)?.[0] ?? ''",
    [
      ['numberCharacters.exec(text)?.[0]', 'numberCharacters.exec(text)[0]'],
      ["''", '"Stryker was here!"'],
    ],
  ]),
  ...inFile(revocationFeed, 'Never reached: nothing but errors is thrown. The type does not know.', [
    "problem = error instanceof Error ? error.message : 'the lists could not be loaded'",
    [["'the lists could not be loaded'", '""']],
  ]),
  ...inFile(revocationFeed, 'Whatever is not "accept" refuses.', ["onStale = 'reject',", [["'reject'", '""']]]),
  ...inFile(
    revocationFeed,
    'Is no address of a stream, whatever it is.',
    ["let streamUrl = ''", [["''", '"Stryker was here!"']]],
    ["streamUrl = ''", [["''", '"Stryker was here!"']]],
  ),
  ...inFile(revocationFeed, endsNoProcess, ['timer.unref()', [['timer.unref()', ';']]]),
  ...inFile(revocationFeed, 'isInteger() takes nothing but numbers. The type does not know.', [
    "return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < sessionsPerList",
    [["typeof value === 'number'", 'true']],
  ]),
  ...inFile(
    revocationFeed,
    'Asks on where it was closed within a load, and takes nothing of the answers: no test waits for that.',
    ['if (isClosed) return', [['isClosed', 'false']]],
  ),
  ...inFile(revocationFeed, 'The same proof again.', [
    'if (proof && elapsed() - age <= proof.elapsedAt) return',
    [['elapsed() - age <= proof.elapsedAt', 'elapsed() - age < proof.elapsedAt']],
  ]),
  ...inFile(
    revocationFeed,
    'Only a stream tells, and none after a reset.',
    ['if (cursor === undefined || after > cursor) throw incomplete()', [['cursor === undefined', 'false']]],
    ['stream?.close()', [['stream?.close', 'stream.close']]],
  ),
  ...inFile(
    'packages/verify/src/status-list-token.ts',
    'What decodes as base64url is ASCII, which is the same in both.',
    [
      "if (!signatureMatches(key, Buffer.from(token.signedText, 'latin1'), token.signature)) throw wrong('its signature')",
      [["'latin1'", '""']],
    ],
  ),
  ...inFile('packages/verify/src/status-list-token.ts', 'Bounds memory: what is too long is refused a line later.', [
    'return inflateSync(packed, { maxOutputLength: bytesPerList })',
    [['{ maxOutputLength: bytesPerList }', '{}']],
  ]),
  ...inFile('packages/verify/src/status-list-token.ts', 'A function that ends without a word gives undefined.', [
    '} catch {',
    [['{\n    return undefined\n  }', '{}']],
  ]),
  {
    file: 'packages/verify/src/token-status.ts',
    line: "if (typeof uri !== 'string' || typeof index !== 'number' || !Number.isSafeInteger(index) || index < 0) {",
    original: "typeof index !== 'number'",
    replacement: 'false',
    reason: 'isSafeInteger() takes nothing but numbers. The type does not know.',
  },
]

type Changes = [line: string, changes: [original: string, replacement: string][]]

function inVerifier(reason: string, ...lines: Changes[]): Accepted[] {
  return inFile('packages/verify/src/verifier.ts', reason, ...lines)
}

function inFile(file: string, reason: string, ...lines: Changes[]): Accepted[] {
  return lines.flatMap(([line, changes]) =>
    changes.map(([original, replacement]) => ({ file, line, original, replacement, reason })),
  )
}
