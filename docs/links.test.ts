import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { readPage, root } from './markdown.ts'

const isForeign = (path: string) => /(^|\/)(node_modules|dist|coverage|data)(\/|$)/.test(path)
const pages = globSync('**/*.md', { cwd: root, exclude: isForeign }).sort()

test.each(pages)('every link of %s leads to something that exists', (path) => {
  const lost = linksOf(readPage(path)).filter((link) => !leadsSomewhere(path, link))

  expect(lost).toEqual([])
})

test.each(pages)('every npm script that %s names exists', (path) => {
  const scripts = pages.map(manifestBeside).flatMap((file) => Object.keys(JSON.parse(readPage(file)).scripts ?? {}))

  const named = [...readPage(path).matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g)].map(([, name = '']) => name)

  expect(named.filter((name) => !scripts.includes(name))).toEqual([])
})

/** The package.json that a page belongs to: its folder's own, else the root's. */
function manifestBeside(path: string): string {
  const own = join(dirname(path), 'package.json')
  return existsSync(join(root, own)) ? own : 'package.json'
}

/** Every relative target: those of the web are not asked. */
function linksOf(page: string): string[] {
  return [...page.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((link) => !/^[a-z]+:/.test(link))
}

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? from : join(dirname(from), path)
  if (!existsSync(join(root, target))) return false
  return anchor === undefined || anchorsOf(readPage(target)).includes(anchor)
}

/** As GitHub makes them: lower case, punctuation dropped, blanks to hyphens. */
function anchorsOf(page: string): string[] {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  )
}
