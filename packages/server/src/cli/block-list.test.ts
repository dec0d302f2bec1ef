import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../testing/test-database.ts'
import { readBlockList } from './block-list.ts'

const file = ['Breached2026', 'ΟΔΥΣΣΕΥΣ1', 'a password of words', '', 'LastOfAll9']

function listOf(text: string): (loweredPassword: string) => boolean {
  const path = join(temporaryFolder(), 'words.txt')
  writeFileSync(path, text)
  return readBlockList(path)
}

test.each(['breached2026', 'ΟΔΥΣΣΕΥΣ1'.toLowerCase(), 'a password of words', 'lastofall9'])(
  'readBlockList() finds "%s", whatever ends the lines of the file [ASVS 6.2.12]',
  (word) => {
    expect(listOf(file.join('\n'))(word)).toBe(true)
    expect(listOf(file.join('\r\n'))(word)).toBe(true)
    expect(listOf(`${file.join('\n')}\n`)(word)).toBe(true)
  },
)

test.each(['breached202', 'reached2026', 'words', '', 'a password of words\n', 'a password of words\n\nlastofall9'])(
  'readBlockList() does not find %j, which is no line',
  (word) => {
    expect(listOf(file.join('\n'))(word)).toBe(false)
  },
)

test('readBlockList() finds nothing where the list is off, and the common ones where it is the shipped one', () => {
  expect(readBlockList('off')('password123')).toBe(false)
  expect(readBlockList('common')('password123')).toBe(true)
  expect(readBlockList('common')('securepass123')).toBe(false)
})
