import { availableParallelism, cpus, loadavg } from 'node:os'

/** One part of the bench: what it measures, and how. */
export interface Part {
  /** As in `npm run bench -- NAME`. */
  readonly name: string
  readonly title: string
  measure(scale: Scale): Promise<Finding[]>
}

/** How much is done: all of it for figures, as little as shows that it works for a test. */
export interface Scale {
  readonly isSmoke: boolean
  /** A first look: fewer rounds, and figures that do not go on the page. */
  readonly isShort?: boolean
  /** How many requests memory is to bear. */
  readonly many?: number
  /** Where other libraries are to be had; undefined where nothing is compared. */
  readonly peers: Peers | undefined
  progress(text: string): void
}

export interface Peers {
  load(name: string): Promise<Record<string, unknown>>
}

export interface Finding {
  readonly what: string
  readonly figure: string
  /** What was promised, and whether the figure keeps it; undefined where nothing was. */
  readonly wanted?: { readonly text: string; readonly isMet: boolean }
}

export function finding(what: string, figure: string, wanted?: Finding['wanted']): Finding {
  return wanted === undefined ? { what, figure } : { what, figure, wanted }
}

/** A share of the speed of something else: `wanted` at least. */
export function share(what: string, value: number, wanted?: number): Finding {
  return finding(
    what,
    value.toFixed(2),
    wanted === undefined ? undefined : { text: `at least ${wanted.toFixed(2)}`, isMet: value >= wanted },
  )
}

export function atMost(what: string, value: number, limit: number, unit: string, digits = 1): Finding {
  const text = (number: number) => `${number.toFixed(digits)}${unit}`
  return finding(what, text(value), { text: `at most ${text(limit)}`, isMet: value <= limit })
}

export function microseconds(what: string, value: number): Finding {
  return finding(what, `${value.toFixed(value < 10 ? 2 : 1)} µs`)
}

/** The machine, and how busy it was: others may work on it. */
export function describeMachine(): string {
  const [load = 0] = loadavg()
  const { platform, arch, version } = process
  const date = new Date().toISOString().slice(0, 10)
  return `${date}, Node ${version}, ${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${platform} ${arch}, load average ${load.toFixed(1)}`
}

export function terminalTable(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ what }) => what.length))
  return findings
    .map(
      ({ what, figure, wanted }) => `  ${what.padEnd(width)}  ${figure.padStart(12)}${wanted ? verdict(wanted) : ''}`,
    )
    .join('\n')
}

function verdict({ text, isMet }: { text: string; isMet: boolean }): string {
  return `   ${isMet ? 'kept' : 'NOT KEPT'}: ${text}`
}

/** Puts the findings of a part into its place on the page, between two marks. */
export function writeInto(
  page: string,
  { name }: Pick<Part, 'name'>,
  machine: string,
  findings: readonly Finding[],
): string {
  const [begin, end] = [`<!-- measured: ${name} -->`, `<!-- end: ${name} -->`]
  const [before, after] = [page.indexOf(begin), page.indexOf(end)]
  if (before < 0 || after < before)
    throw new Error(`Cannot write the figures of ${name}: the page has no place for them`)
  const rows = findings.map(({ what, figure, wanted }) => {
    const isKept = wanted ? (wanted.isMet ? 'yes' : '**no**') : ''
    return `| ${what} | ${figure} | ${wanted?.text ?? ''} | ${isKept} |`
  })
  const table = ['| what | measured | promised | kept |', '|---|---:|---|---|', ...rows].join('\n')
  return `${page.slice(0, before)}${begin}\n\n${table}\n\n${machine}\n\n${page.slice(after)}`
}
