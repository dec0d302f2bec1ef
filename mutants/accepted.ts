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
]
