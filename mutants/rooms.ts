/** What is mutated, and which tests must notice. Globs are relative to the root. */
export interface Room {
  /** As in `npm run mutants -- NAME`. */
  readonly name: string
  readonly mutate: readonly string[]
  /** In the order in which they are asked, the quickest first. A file's own test comes before all. */
  readonly tests: readonly string[]
  /** How many mutants are tried side by side: several where most of the time is spent in waiting for what never comes. */
  readonly atOnce?: number
}

const server = 'packages/server/src'
const verify = 'packages/verify/src'
const testsOf = (room: string, names: string) => names.split(' ').map((name) => `${room}/${name}.test.ts`)

export const rooms: readonly Room[] = [
  {
    name: 'domain',
    mutate: [`${server}/domain/*.ts`],
    tests: [`${server}/domain/*.test.ts`],
  },
  {
    name: 'crypto',
    mutate: [`${server}/crypto/*.ts`],
    // The inventory reads the sources as text, and a mutated file reads otherwise.
    tests: [`${server}/crypto/!(inventory).test.ts`],
  },
  {
    name: 'tokens',
    mutate: [
      `${verify}/{base64url,claims,compact-token,ed25519-point,keys,roca,signature,status-bits}.ts`,
      `${verify}/{token-cache,token-error,token-status,verifier-options,verifier,strict-json}.ts`,
    ],
    tests: [
      ...testsOf(
        verify,
        'base64url compact-token claims ed25519-point status-bits token-cache token-kinds clock-reading',
      ),
      ...testsOf(
        verify,
        'held-tokens keys jwt-attacks signature verifier introspection discovery wycheproof strict-json',
      ),
    ],
    atOnce: 3,
  },
  {
    name: 'log-out',
    mutate: [`${server}/flows/{end-every-session,end-session,list-sessions,log-out,revoke-token}.ts`],
    tests: [
      ...testsOf(`${server}/flows`, 'log-out end-session list-sessions revoke-token'),
      'packages/server/test/end-every-session.test.ts',
    ],
  },
  {
    name: 'refresh',
    mutate: [`${server}/flows/{begin-anew,open-session,refresh-session}.ts`],
    tests: testsOf(
      `${server}/flows`,
      'begin-anew refresh-work refresh-session log-in change-password tally-refusals audit-log',
    ),
  },
  {
    name: 'log-in',
    mutate: [`${server}/flows/{change-password,count-guess,decoy-user,log-in,order-login}.ts`],
    tests: [
      ...testsOf(`${server}/flows`, 'log-in change-password log-in-work audit-log'),
      ...testsOf(`${server}/http`, 'device-cookie'),
    ],
  },
  {
    name: 'doors',
    mutate: [`${verify}/{bearer,express,fastify,fetch,guard,health,hono,owner,problem}.ts`],
    tests: testsOf(verify, 'problem bearer guard fetch express fastify hono owner late-keys health adapters'),
    atOnce: 3,
  },
  {
    name: 'feed',
    mutate: [
      `${verify}/{discovery,event-stream,event-stream-parser,http-request,introspection,key-source}.ts`,
      `${verify}/{list-loader,max-age,remote-keys,revocation-feed,status-list-token}.ts`,
    ],
    tests: [
      ...testsOf(verify, 'key-source event-stream-parser event-stream http-request list-loader status-list-token'),
      ...testsOf(verify, 'token-kinds remote-keys discovery revocation-feed introspection verifier'),
    ],
    atOnce: 4,
  },
]
