import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createVerifier } from '../packages/verify/src/index.ts'
import { drive } from './drive.ts'
import { honoApps } from './hono-apps.ts'
import { cpuOfWaiting, medians } from './measure.ts'
import { atMost, type Finding, finding, microseconds, type Part } from './report.ts'
import { freshStrings, type Issuer, signTokens, startIssuer } from './tokens.ts'

const checked = ['withAuthentication', 'withOwnerAuthentication', 'authenticate', 'authenticateOwner'] as const
const names = ['unchecked', 'middleware', 'lookUp', ...checked] as const
type Name = (typeof names)[number]

const wanted = 1.1

/** The CPU of a request that bears a known token, with the check and without. */
export const hono: Part = {
  name: 'hono',
  title: 'A request through the Hono adapter, known token, revocation checked',

  async measure({ isSmoke, progress }) {
    // In turns of 4,000 each request costs half as much again: a process must run for a while to be measured.
    const [rounds, requests] = isSmoke ? [1, 50] : [9, 20_000]
    await using issuer = await startIssuer({})
    const tokens = signTokens(isSmoke ? 20 : 2_000, issuer.url, issuer.signer)
    progress('over HTTP')
    const overHttp = await measureOverHttp(issuer, tokens, { rounds, requests })
    progress('in process')
    const inProcess = await measureInProcess(issuer, tokens, { rounds, requests })
    return [...describe('Over HTTP', overHttp), ...describe('`app.fetch(request)`', inProcess)]
  },
}

type Size = { rounds: number; requests: number }

/** What the process of the API uses, the whole of it, driven over 8 connections. */
async function measureOverHttp(issuer: Issuer, tokens: readonly Buffer[], { rounds, requests }: Size) {
  const program = join(import.meta.dirname, 'hono-app.ts')
  const parameters = ['--conditions=latchkey-source', '--expose-gc', program, issuer.url]
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    const [{ ports }] = (await once(child, 'message')) as [{ ports: Record<Name, number> }]
    const send = (name: Name) => drive(ports[name], freshStrings(tokens, requests).map(requestWith))
    await drive(ports.authenticate, tokens.map(String).map(requestWith))

    const way = (name: Name) => async () => {
      const before = await askUsage(child, 'tidy')
      await send(name)
      const after = await askUsage(child, 'leave')
      assertKnown(name, after.hits - before.hits, requests)
      return (after.microseconds - before.microseconds) / requests
    }
    return await medians(waysOf(way), rounds)
  } finally {
    child.disconnect()
    await once(child, 'exit')
  }
}

async function askUsage(child: ChildProcess, wish: 'tidy' | 'leave'): Promise<{ microseconds: number; hits: number }> {
  child.send(wish)
  const [usage] = await once(child, 'message')
  return usage as { microseconds: number; hits: number }
}

/** The time of this thread, in which the request is made too. */
async function measureInProcess(issuer: Issuer, tokens: readonly Buffer[], { rounds, requests }: Size) {
  const verifier = createVerifier({ issuer: issuer.url })
  await verifier.ready()
  for (const token of tokens) await verifier.verify(String(token))
  const apps = honoApps(verifier)
  const send = async (name: Name, strings: readonly string[]) => {
    for (const token of strings) {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await apps[name].fetch(new Request(`http://localhost${pathOf(token)}`, { headers }))
      if (answer.status !== 200) throw new Error(`Cannot measure: the answer was ${answer.status}`)
    }
  }

  const way = (name: Name) => async () => {
    const strings = freshStrings(tokens, requests)
    const { hits } = verifier.status().cache
    const figure = await cpuOfWaiting(requests, () => send(name, strings))
    assertKnown(name, verifier.status().cache.hits - hits, requests)
    return figure
  }
  const result = await medians(waysOf(way), rounds)
  verifier.close()
  return result
}

function waysOf(way: (name: Name) => () => Promise<number>): Record<Name, () => Promise<number>> {
  return Object.fromEntries(names.map((name) => [name, way(name)])) as Record<Name, () => Promise<number>>
}

function assertKnown(name: Name, hits: number, requests: number): void {
  const isChecked = checked.some((one) => one === name)
  if (hits !== (isChecked ? requests : 0)) throw new Error(`Cannot measure ${name}: ${hits} tokens were known`)
}

function requestWith(token: string): string {
  const headers = ['Host: localhost', 'User-Agent: bench', 'Accept: */*', `Authorization: Bearer ${token}`]
  return `GET ${pathOf(token)} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`
}

/** The owner's path. */
function pathOf(token: string): string {
  const { user_id } = JSON.parse(Buffer.from(String(token.split('.')[1]), 'base64url').toString())
  return `/api/${user_id}/tasks`
}

function describe(where: string, result: Record<Name, number>): Finding[] {
  const { unchecked, middleware, lookUp, authenticate, authenticateOwner } = result
  return [
    microseconds(`${where}: no check`, unchecked),
    microseconds(`${where}: a middleware that does nothing`, middleware),
    microseconds(`${where}: a middleware that finds the header in a \`Map\``, lookUp),
    ...checked.map((name) => microseconds(`${where}: \`${name}\``, result[name])),
    ...checked.map((name) => atMost(`${where}: \`${name}\`, times no check`, result[name] / unchecked, wanted, '', 2)),
    times(`${where}: the \`Map\`, times no check`, lookUp / unchecked),
    times(`${where}: \`authenticate\`, times the middleware that does nothing`, authenticate / middleware),
    times(`${where}: \`authenticateOwner\`, times the middleware that does nothing`, authenticateOwner / middleware),
  ]
}

function times(what: string, value: number): Finding {
  return finding(what, value.toFixed(2))
}
