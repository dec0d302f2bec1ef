export interface Mutant {
  readonly file: string
  readonly line: number
  /** As Stryker says it: Killed, Timeout, Survived, NoCoverage, Ignored, RuntimeError, CompileError. */
  readonly status: string
  readonly original: string
  readonly replacement: string
  /** Why it may live; undefined where nobody said so. */
  readonly reason: string | undefined
}

export interface RoomResult {
  readonly name: string
  /** How many of its files were judged so far. */
  readonly judged: number
  readonly files: number
  readonly mutants: readonly Mutant[]
}

const wantedShare = 0.9

const isKilled = ({ status }: Mutant) => status === 'Killed' || status === 'Timeout'
const isAlive = ({ status }: Mutant) => status === 'Survived' || status === 'NoCoverage'

function count(mutants: readonly Mutant[]) {
  const killed = mutants.filter(isKilled).length
  const alive = mutants.filter(isAlive)
  const tried = killed + alive.length
  return { killed, alive, tried, ignored: mutants.length - tried, share: tried === 0 ? 1 : killed / tried }
}

/** Too few are killed, or one lives of which nobody said why. What was accepted counts as living. */
export function isFailure(mutants: readonly Mutant[]): boolean {
  const { alive, share } = count(mutants)
  return share < wantedShare || alive.some(({ reason }) => reason === undefined)
}

export function describe(mutants: readonly Mutant[]): string {
  const { killed, alive, tried, share } = count(mutants)
  const summary = `${killed} of ${tried} killed (${percent(share)})`
  return [summary, ...alive.map((mutant) => `  ${mutant.file}:${mutant.line} ${inWords(mutant)}`)].join('\n')
}

function inWords({ status, original, replacement, reason }: Mutant): string {
  const what = `${onOneLine(original)} -> ${onOneLine(replacement)}`
  return `${status}: ${what}${reason === undefined ? ' NOT LOOKED AT' : ` (${reason})`}`
}

/** Puts what was found in a room into its place on the page, between two marks. */
export function writeInto(page: string, result: RoomResult): string {
  const [begin, end] = [`<!-- measured: ${result.name} -->`, `<!-- end: ${result.name} -->`]
  const [before, after] = [page.indexOf(begin), page.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`Cannot write the mutants of ${result.name}: no place for them`)
  return `${page.slice(0, before + begin.length)}\n\n${tablesOf(result)}\n\n${page.slice(after)}`
}

function tablesOf({ judged, files, mutants }: RoomResult): string {
  const { killed, alive, tried, ignored, share } = count(mutants)
  const tally = [
    '| files judged | tried | killed | share | alive | not tried |',
    '|---:|---:|---:|---:|---:|---:|',
    `| ${judged} of ${files} | ${tried} | ${killed} | ${percent(share)} | ${alive.length} | ${ignored} |`,
  ]
  if (alive.length === 0) return tally.join('\n')
  const rows = alive.map(
    ({ file, line, original, replacement, reason = '**not looked at**' }) =>
      `| ${file.split('/').at(-1)}:${line} | ${code(original)} | ${code(replacement)} | ${reason} |`,
  )
  return [...tally, '', '| alive | written | mutated | why it may live |', '|---|---|---|---|', ...rows].join('\n')
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function code(text: string): string {
  return `\`\` ${onOneLine(text).replaceAll('|', '\\|')} \`\``
}

function onOneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 90 ? `${line.slice(0, 90)}...` : line
}
