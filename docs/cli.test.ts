import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { exitCodes } from '../packages/server/src/cli/command.ts'
import { readPage, root, sectionOf, tableRows } from './markdown.ts'

const page = readPage('docs/cli.md')

test('docs/cli.md lists every command in the words of the help, and no other', async () => {
  const documented = tableRows(sectionOf(page, 'Command line').split('## ')[0] ?? '').map((row) =>
    row.map((cell) => cell.replaceAll('\\|', '|')),
  )

  const { output } = await latchkey('--help')

  const actual = [...output.matchAll(/^ {2}(\S.*?) {2,}(\S.*)$/gm)].map(([, command, does]) => [command, does])
  expect(documented).toEqual(actual)
})

test('docs/cli.md lists every exit code, and no other', () => {
  const documented = tableRows(sectionOf(page, 'How a command ends')).map(([code]) => Number(code))

  expect(documented).toEqual(Object.values(exitCodes))
})

test('latchkey users show --json of an unknown user ends with 3 and says so in JSON, as docs/cli.md has it', async () => {
  await latchkey('migrate')

  const { code, complaint } = await latchkey('users', 'show', 'nobody@example.com', '--json')

  expect(code).toBe(exitCodes.refused)
  expect(JSON.parse(complaint)).toMatchObject({ error: { code: 'NOT_FOUND' } })
})

test('latchkey with a command that is none ends with 2, as docs/cli.md has it', async () => {
  const { code } = await latchkey('fly')

  expect(code).toBe(exitCodes.usage)
})

const folder = mkdtempSync(join(tmpdir(), 'latchkey-cli-'))

/** Runs one command on a database of this file's own. */
function latchkey(...parameters: string[]): Promise<{ code: number; output: string; complaint: string }> {
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const command = [join(root, 'run.mjs'), join(root, 'packages/server/src/cli/main.ts'), ...parameters]
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const options = { cwd: root, env: { PATH, NODE_COMPILE_CACHE, DATABASE_URL: `sqlite:${folder}/latchkey.db` } }
  return new Promise((done) => {
    const child = execFile(process.execPath, command, options, (_, output, complaint) => {
      done({ code: child.exitCode ?? -1, output, complaint })
    })
  })
}
