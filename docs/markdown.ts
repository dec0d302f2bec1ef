import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** Reads a page by its path below the root, as it stands. */
export function readPage(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** The part of a page below a heading, up to the next one of the same rank or above. */
export function sectionOf(page: string, heading: string): string {
  const lines = page.split('\n')
  const rankOf = (line: string) => /^(#+) /.exec(line)?.[1]?.length
  const start = lines.findIndex((line) => rankOf(line) !== undefined && line.replace(/^#+ /, '') === heading)
  if (start < 0) throw new Error(`Cannot find the heading "${heading}"`)
  const rank = rankOf(lines[start] ?? '') ?? 0
  const length = lines.slice(start + 1).findIndex((line) => (rankOf(line) ?? Number.POSITIVE_INFINITY) <= rank)
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n')
}

/** The text of every fenced block of a language, in order. */
export function codeBlocks(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , code = '']) => code)
}

/** The rows of every table in a text, without heads: each a list of cells without their outer backticks. */
export function tableRows(text: string): string[][] {
  const lines = text.split('\n')
  const isRow = (line = '') => /^\|.*\|$/.test(line)
  const isRule = (line = '') => /^\|[-| :]+\|$/.test(line)
  return lines
    .filter((line, at) => isRow(line) && !isRule(line) && !isRule(lines[at + 1]))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
    )
}

/** A text in one line, with its emphasis taken out: for statements that may break anywhere. */
export function flat(text: string): string {
  return text.replaceAll('**', '').replaceAll(/\s+/g, ' ')
}
