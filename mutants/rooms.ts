/** What is mutated, and which tests must notice. Globs are relative to the root. */
export interface Room {
  /** As in `npm run mutants -- NAME`. */
  readonly name: string
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
}

const server = 'packages/server/src'
/** The quickest first. */
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
    name: 'verify',
    mutate: ['packages/verify/src/*.ts'],
    tests: ['packages/verify/src/*.test.ts'],
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
]
