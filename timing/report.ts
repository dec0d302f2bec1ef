import type { Finding } from './measure.ts'

type Run = { cost: number; pairs: number; machine: string; findings: readonly Finding[] }

const columns = [
  'one, other',
  'pairs',
  'answer',
  'median difference',
  '95 % interval',
  'sign z',
  'margin',
  'verdict',
  '',
]

export function terminalTable(findings: readonly Finding[]): string {
  const rows = [columns, ...findings.map(cellsOf)]
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  return rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd()).join('\n')
}

/** Puts a run into its place on the page, between two marks; the rest is written by hand. */
export function pageWith(page: string, { cost, pairs, machine, findings }: Run): string {
  const [begin, end] = [`<!-- measured: cost ${cost} -->`, `<!-- end: cost ${cost} -->`]
  const [start, stop] = [page.indexOf(begin), page.indexOf(end)]
  if (start < 0 || stop < start) throw new Error(`Cannot write the figures of cost ${cost}: the page has no place`)
  const rows = [columns, ['---', ...columns.slice(1).map(() => '---')], ...findings.map(cellsOf)]
  const table = rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
  const machineLine = `${pairs.toLocaleString('en')} pairs of each at least. ${machine}.`
  return `${page.slice(0, start)}${begin}\n\n${machineLine}\n\n${table}\n\n${page.slice(stop)}`
}

function cellsOf(finding: Finding): string[] {
  const { name, pairs, typical, median, low, high, z, marginMicroseconds, verdict, isAsExpected } = finding
  return [
    name,
    String(pairs),
    `${(typical / 1000).toFixed(2)} ms`,
    `${signed(median)} µs`,
    `${signed(low)} to ${signed(high)} µs`,
    z.toFixed(1),
    `${marginMicroseconds.toFixed(0)} µs`,
    verdict,
    isAsExpected ? 'as it must be' : 'NOT AS IT MUST BE',
  ]
}

function signed(microseconds: number): string {
  return `${microseconds > 0 ? '+' : ''}${microseconds.toFixed(Math.abs(microseconds) < 100 ? 1 : 0)}`
}
