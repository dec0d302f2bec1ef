/** What is mutated, and which tests must notice. Globs are relative to the root. */
export interface Room {
  /** As in `npm run mutants -- NAME`. */
  readonly name: string
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
}

const server = 'packages/server/src'
const verify = 'packages/verify/src'

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
      `${verify}/{base64url,claims,compact-token,ed25519-point,keys,roca,signature,status-bits,strict-json}.ts`,
      `${verify}/{token-cache,token-error,token-status,verifier,verifier-options}.ts`,
    ],
    tests: [
      `${verify}/{base64url,certificates,claims,clock-reading,compact-token,ed25519-point,held-tokens}.test.ts`,
      `${verify}/{jose-oracle,jwt-attacks,keys,signature,status-bits,strict-json,token-cache,token-kinds}.test.ts`,
      `${verify}/{verifier,wycheproof}.test.ts`,
    ],
  },
  {
    name: 'log-out',
    mutate: [`${server}/flows/{end-every-session,end-session,list-sessions,log-out,revoke-token}.ts`],
    tests: [`${server}/flows/{end-session,list-sessions,log-out,revoke-token}.test.ts`],
  },
  {
    name: 'refresh',
    mutate: [`${server}/flows/{begin-anew,open-session,refresh-session}.ts`],
    tests: [`${server}/flows/{change-password,log-in,refresh-session}.test.ts`],
  },
  {
    name: 'log-in',
    mutate: [`${server}/flows/{change-password,count-guess,log-in}.ts`],
    tests: [`${server}/flows/{change-password,log-in,log-in-work}.test.ts`],
  },
  {
    name: 'doors',
    mutate: [`${verify}/{bearer,express,fastify,fetch,guard,health,hono,owner,problem}.ts`],
    tests: [`${verify}/{adapters,bearer,express,fastify,guard,health,hono,late-keys,owner,problem}.test.ts`],
  },
  {
    name: 'feed',
    mutate: [
      `${verify}/{discovery,event-stream,event-stream-parser,http-request,introspection,key-source}.ts`,
      `${verify}/{list-loader,max-age,remote-keys,revocation-feed,status-list-token}.ts`,
    ],
    tests: [
      `${verify}/{discovery,event-stream-parser,introspection,key-source,remote-keys,revocation-feed}.test.ts`,
      `${verify}/{token-kinds,verifier}.test.ts`,
    ],
  },
]
