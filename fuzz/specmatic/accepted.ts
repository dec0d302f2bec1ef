/** A generated test whose answer is another than Specmatic expects, though the contract tells of it. */
export type Accepted = { test: RegExp; answered: number; why: string }

export const accepted: readonly Accepted[] = [
  {
    test: /POST \/api\/auth\/login -> 200 .*contains all the keys$/,
    answered: 401,
    why: 'an email and a password by chance: it takes every well-formed login for a good one',
  },
  {
    test: /POST \/api\/auth\/refresh -> 200 .*refresh_token is set to the longest possible string$/,
    answered: 401,
    why: 'a refresh token by chance, well-formed and never issued',
  },
  {
    test: /POST \/api\/auth\/(introspect|revoke) -> 4xx .*Token'$/,
    answered: 200,
    why: 'a form has no types: what it changes into a number, a boolean or null is a text like any other',
  },
]
