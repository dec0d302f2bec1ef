import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPage, root, sectionOf, tableRows } from './markdown.ts'

const page = readPage('ARCHITECTURE.md')
const server = join(root, 'packages/server/src')
const verify = join(root, 'packages/verify/src')

test('ARCHITECTURE.md names every room of the server, and no other', () => {
  const documented = tableRows(sectionOf(page, 'Who may import whom')).map(([room]) => room)

  const folders = readdirSync(server, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(documented.toSorted()).toEqual(folders.map(({ name }) => name).toSorted())
})

test('ARCHITECTURE.md draws every room and file of the first floor', () => {
  const [drawing = ''] = page.split('```').slice(1)

  const missing = readdirSync(server).filter((name) => !name.includes('.test.') && !drawing.includes(name))
  expect(missing).toEqual([])
})

test('ARCHITECTURE.md names only files that exist', () => {
  const named = [...page.matchAll(/`([a-z/-]+\.ts)`/g)].map(([, path = '']) => path)

  const lost = named.filter((path) => !existsSync(join(server, path)) && !existsSync(join(verify, path)))
  expect(named.length).toBeGreaterThan(20)
  expect(lost).toEqual([])
})
