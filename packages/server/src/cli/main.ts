#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ConfigError } from '../config/load-config.ts'
import { Refusal } from '../domain/refusal.ts'
import { exitCodes, type Output, show, UsageError } from './command.ts'
import { readConfig } from './environment.ts'

const help = `latchkey COMMAND [--json]

  serve                     run the server (migrates the database first)
  migrate                   bring the database up to this program
  migrate --plan            print the SQL that this would run, and change nothing
  migrate status            tell which migrations the database has
  backup FILE               copy the database into a new file, also while the server runs
  restored                  say that the database was put back by other means: logs everyone out
  check                     read the whole database and tell what is wrong with it
  init                      write .env with a fresh secret, never over an existing one
  secret                    print a good JWT_SECRET
  users list                list every account
  users show EMAIL|ID       show one
  users create EMAIL        make one; the password comes from a prompt or standard input
  users disable EMAIL|ID    disable one, and end its sessions
  users enable EMAIL|ID     enable one again
  users logout EMAIL|ID     end every session of one
  users logout --all        end every session of everyone
  apis list                 list every API that has a credential
  apis add NAME             make a credential for an API, and print it once
  apis revoke NAME          make its credential void, at once
  keys list                 list the published signing keys
  keys rotate               make a new one; it signs when every verifier has had time to fetch it
  bench seed                fill an empty database for measurements: --users, --sessions, --events N

Settings come from the environment and from .env: docs/configuration.md lists them.
Ends with 0 when done, 1 when something failed, 2 for a wrong command line or
configuration, 3 when the rules said no.
`

/** Each command is loaded when it is asked for: help, and what is wrong with words or settings, wait for no server to load. */
async function run(output: Output, [command, ...rest]: string[]): Promise<void> {
  const [word, ...others] = rest
  const isAlone = rest.length === 0
  if (command === 'serve' && isAlone) {
    const config = readConfig()
    return (await import('./serve.ts')).serve(config)
  }
  if (command === 'migrate' && others.length === 0) {
    const { migratePlan, migrateStatus, migrateUp } = await import('./migrate.ts')
    if (word === undefined) return migrateUp(output)
    if (word === 'status') return migrateStatus(output)
    if (word === '--plan') return migratePlan(output)
  }
  if (command === 'backup' && word !== undefined && others.length === 0)
    return (await import('./backup.ts')).backup(output, word)
  if (command === 'restored' && isAlone) return (await import('./restored.ts')).restored(output)
  if (command === 'check' && isAlone) return (await import('./check.ts')).check(output)
  if (command === 'init' && isAlone) return (await import('./init.ts')).init(output)
  if (command === 'secret' && isAlone) return (await import('./init.ts')).secret(output)
  if (command === 'users') return (await import('./users.ts')).users(output, rest)
  if (command === 'apis') return (await import('./apis.ts')).apis(output, rest)
  if (command === 'keys') return (await import('./keys.ts')).keys(output, rest)
  if (command === 'bench' && word === 'seed') return (await import('./bench-seed.ts')).benchSeed(output, others)
  throw new UsageError(
    command === undefined ? 'a command is missing' : `there is no command "${command}" with these words`,
  )
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

/** Says what went wrong, in lines or one JSON document, and answers how the process ends. */
function explain(error: unknown, asJson: boolean): number {
  const { exitCode, code, message, details, lines } = diagnosis(error)
  const text = asJson ? JSON.stringify({ error: { code, message, details } }) : lines.join('\n')
  process.stderr.write(`${text}\n`)
  return exitCode
}

function diagnosis(error: unknown) {
  if (error instanceof ConfigError) {
    const { message, problems } = error
    const details = problems.map(toDetail)
    return { exitCode: exitCodes.usage, code: 'CONFIGURATION', message, details, lines: [message] }
  }
  if (error instanceof UsageError || isParseError(error)) {
    const { message } = error as Error
    const lines = [`latchkey: ${message}`, 'latchkey --help lists the commands']
    return { exitCode: exitCodes.usage, code: 'USAGE', message, details: null, lines }
  }
  if (error instanceof Refusal && error.code === 'UNAVAILABLE') {
    return diagnosis(new Error('Cannot use the database now', { cause: error.cause }))
  }
  if (error instanceof Refusal) {
    const { code, message, details = null } = error
    const lines = [`latchkey: ${[message, ...(details ?? []).map(({ issue }) => issue)].join(': ')}`]
    return { exitCode: exitCodes.refused, code, message, details, lines }
  }
  // What a client must not know of a database that fails, its operator must.
  const message = chainOf(error instanceof Refusal ? (error.cause ?? error) : error).join(': ')
  return { exitCode: exitCodes.failed, code: 'FAILED', message, details: null, lines: [`latchkey: ${message}`] }
}

/** Every problem of a configuration begins with the name of its setting. */
function toDetail(problem: string): { field: string; issue: string } {
  const [, field = '', issue = ''] = /^(\S+) (.*)$/s.exec(problem) ?? []
  return { field, issue: issue.charAt(0).toUpperCase() + issue.slice(1) }
}

function isParseError(error: unknown): boolean {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
}

/** What went wrong and why, down to the first cause, each said once. */
function chainOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)]
  if (error.cause === undefined) return [error.message]
  const causes = chainOf(error.cause)
  return error.message.endsWith(causes[0] ?? '') ? [error.message, ...causes.slice(1)] : [error.message, ...causes]
}

/** Flags as they were typed, but for those of every command. */
function wordsOf({ json: _, ...flags }: Record<string, string | boolean>): string[] {
  return Object.entries(flags).map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`))
}

async function main(): Promise<number> {
  const asJson = process.argv.includes('--json')
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
        all: { type: 'boolean' },
        plan: { type: 'boolean' },
        add: { type: 'boolean' },
        users: { type: 'string' },
        sessions: { type: 'string' },
        events: { type: 'string' },
      },
    })
    const output: Output = {
      asJson,
      print: (text) => process.stdout.write(`${text}\n`),
      note: (text) => process.stderr.write(`${text}\n`),
    }
    if (values.version) show(output, { version: version() }, version())
    else if (values.help) process.stdout.write(help)
    // Words like any other: commands that know them take them, all others refuse them.
    else await run(output, [...positionals, ...wordsOf(values)])
    return exitCodes.ok
  } catch (error) {
    return explain(error, asJson)
  }
}

process.exitCode = await main()
