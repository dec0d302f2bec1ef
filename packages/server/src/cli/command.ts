/** How a command ends. Scripts may rely on these numbers. */
export const exitCodes = {
  /** Done. */
  ok: 0,
  /** Something failed that should not: the message says what. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** The rules said no: a taken email, a weak password, an unknown user. */
  refused: 3,
} as const

/** A wrong command line. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/**
 * Where a command writes. `asJson` asks for one JSON document instead of lines for people; `note` is for those alone, and
 * does not go where a script reads the result.
 */
export type Output = { asJson: boolean; print(text: string): void; note(text: string): void }

/** Writes a result in the form that was asked for. */
export function show(output: Output, result: unknown, forPeople: string): void {
  output.print(output.asJson ? JSON.stringify(result) : forPeople)
}
