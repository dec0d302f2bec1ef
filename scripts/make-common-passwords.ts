/**
 * Makes the list of common passwords that the server refuses.
 *
 *   node run.mjs scripts/make-common-passwords.ts 10_million_password_list_top_1M.txt
 *
 * The source has one password a line, the most common first. Its README beside the list says where it comes from.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const list = new URL('../packages/server/src/domain/common-passwords/common-passwords.txt', import.meta.url)

/** What our contract and its examples show as a good password, so it must be accepted. */
const exampleOfGoodPassword = 'securepass123'

const selections = [
  { name: 'at least 8 characters with upper case, lower case and digit', most: 20_000, takes: meetsPolicyAsItStands },
  { name: 'at least 8 characters', most: 20_000, takes: (entry: string) => entry.length >= 8 },
  { name: 'at least 15 characters', most: 3_000, takes: (entry: string) => entry.length >= 15 },
]

function meetsPolicyAsItStands(entry: string) {
  return entry.length >= 8 && /[A-Z]/.test(entry) && /[a-z]/.test(entry) && /[0-9]/.test(entry)
}

/** Whether some way to write it in capitals has upper case, lower case and a digit: two letters are needed for that. */
function meetsPolicyInSomeCapitalisation(entry: string) {
  return entry.length >= 8 && /[a-z].*[a-z]/.test(entry) && /[0-9]/.test(entry)
}

function isPrintableAscii(entry: string) {
  return /^[\x20-\x7e]+$/.test(entry)
}

function selectCommonPasswords(mostCommonFirst: readonly string[]) {
  const selected = new Set<string>()
  for (const { name, most, takes } of selections) {
    const chosen = mostCommonFirst.filter(takes).slice(0, most)
    console.log(`${chosen.length} entries of ${name}`)
    for (const entry of chosen) selected.add(entry.toLowerCase())
  }
  // Sorted by code unit, so that the same source gives the same file on every machine.
  return [...selected].sort()
}

function assertFit(passwords: readonly string[]) {
  const reachable = passwords.filter(meetsPolicyInSomeCapitalisation).length
  const long = passwords.filter((entry) => entry.length >= 15).length
  console.log(
    `${passwords.length} lines: ${reachable} can meet the policy of classes, ${long} have 15 characters or more`,
  )
  if (reachable < 3_000) throw new Error(`Too few entries can meet the policy: at least 3000 are needed: ${reachable}`)
  if (!passwords.includes('password123')) throw new Error('The list does not contain "password123"')
  if (passwords.includes(exampleOfGoodPassword)) throw new Error(`The list contains "${exampleOfGoodPassword}"`)
}

const source = process.argv[2]
if (!source) throw new Error('Cannot make the list: name the source file')
const mostCommonFirst = readFileSync(source, 'latin1').split(/\r?\n/).filter(isPrintableAscii)
const passwords = selectCommonPasswords(mostCommonFirst)
assertFit(passwords)
writeFileSync(list, `${passwords.join('\n')}\n`)
console.log(`Wrote ${fileURLToPath(list)}`)
