/** What is mutated, and which tests must notice. Globs are relative to the root. */
export interface Room {
  /** As in `npm run mutants -- NAME`. */
  readonly name: string
  readonly mutate: readonly string[]
  readonly tests: readonly string[]
}

const server = 'packages/server/src'
const sessionFlows =
  '{begin-anew,change-password,count-guess,end-every-session,end-session,list-sessions,log-in,log-out,open-session,refresh-session,revoke-token}'

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
    name: 'flows',
    mutate: [`${server}/flows/${sessionFlows}.ts`],
    tests: [`${server}/flows/!(*.postgres).test.ts`],
  },
]
