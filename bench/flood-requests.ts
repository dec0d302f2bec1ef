/** The addresses take turns. On each connection one guess at a time is under way. */
export type Guesses = {
  port: number
  /** Whose account is guessed at; undefined: one that there is not, another for each guess. */
  email?: string
  connections: number
  addresses: { first: number; count: number }
  /** How many in all, or for how long. */
  total: number | { seconds: number }
  /** Guesses begin on time where a connection is free, and as soon as one is otherwise; undefined: without pause. */
  perSecond?: number
}
/** How often each answer came: by its status, or by the name of the limit that refused. */
export type Guessed = { answered: Record<string, number>; milliseconds: number }

/** The address of a number: one of 10.0.0.0/8. */
export function addressOf(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
}

/** A login as a proxy hands it on. */
export function loginFrom(address: string, body: object, headers: readonly string[] = []): string {
  const content = JSON.stringify(body)
  const lines = ['POST /api/auth/login HTTP/1.1', 'Host: localhost', `X-Forwarded-For: ${address}`, ...headers]
  return `${lines.join('\r\n')}\r\nContent-Type: application/json\r\nContent-Length: ${content.length}\r\n\r\n${content}`
}
