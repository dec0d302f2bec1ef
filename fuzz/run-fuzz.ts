import fc from 'fast-check'
import { type Contract, operationOf } from './contract.ts'
import type { Finding, Judge } from './judge.ts'
import { canary, type FuzzRequest, requestsOf } from './requests.ts'
import type { Site } from './site.ts'
import { bytesOf, type Exchange, exchange } from './wire.ts'

const lanes = 4
/** Each batch has a seed of its own, so that what is found in one does not end the others. */
const requestsPerBatch = 250
const deadlineMilliseconds = 20_000
const maxAddresses = 2000

export type Tally = {
  sent: number
  /** How many access tokens the fuzzer was given to go on with, and showed. */
  tokens: number
  findings: Map<string, { finding: Finding; curl: string; seed: number }>
  /** How often each operation answered with each status: `logIn 200`. */
  answered: Map<string, number>
}

type Target = Pick<Site, 'port' | 'credential'>
type Run = { contract: Contract; judge: Judge; requests: number; seed: number; onProgress?: (tally: Tally) => void }

/** Sends that many requests and has each answer judged. What breaks a rule is shrunk; each rule is told once for each operation. */
export async function fuzz(site: Target, { contract, judge, requests, seed, onProgress }: Run): Promise<Tally> {
  const tally: Tally = { sent: 0, tokens: 0, findings: new Map(), answered: new Map() }
  const arbitrary = requestsOf(contract)
  let nextBatch = 0

  async function runLane(lane: number): Promise<void> {
    const client = clientOf(site, lane, () => {
      tally.tokens += 1
    })
    while (nextBatch * requestsPerBatch < requests) {
      const batch = nextBatch
      nextBatch += 1
      const batchSeed = seed + batch
      const property = fc.asyncProperty(arbitrary, async (request) => {
        const { asked, exchanged, curl } = await client.send(request)
        tally.sent += 1
        count(tally, contract, asked, exchanged)
        const [finding] = judge(asked, exchanged).filter((one) => !isKnown(tally, contract, asked, one))
        if (finding) throw new Found(finding, keyOf(contract, asked, finding), curl)
      })
      const numRuns = Math.min(requestsPerBatch, requests - batch * requestsPerBatch)
      // What was found is passed over from then on, so the batch can be sent to its end.
      for (;;) {
        const { errorInstance } = await fc.check(property, { seed: batchSeed, numRuns })
        if (!errorInstance) break
        if (!(errorInstance instanceof Found)) throw errorInstance
        const { finding, key, curl } = errorInstance
        tally.findings.set(key, { finding, curl, seed: batchSeed })
      }
      onProgress?.(tally)
    }
  }

  await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)))
  return tally
}

class Found extends Error {
  readonly finding: Finding
  readonly key: string
  readonly curl: string
  constructor(finding: Finding, key: string, curl: string) {
    super(`${finding.rule}: ${finding.what}`)
    this.finding = finding
    this.key = key
    this.curl = curl
  }
}

type Asked = { method?: string; target?: string; secrets: readonly string[] }

function keyOf(contract: Contract, { method = '', target = '' }: Asked, { rule, what }: Finding): string {
  return `${rule} | ${operationOf(contract, method, target)?.operationId ?? 'none'} | ${/\b[1-5]\d\d\b/.exec(what)?.[0] ?? ''}`
}

function isKnown(tally: Tally, contract: Contract, asked: Asked, finding: Finding): boolean {
  return tally.findings.has(keyOf(contract, asked, finding))
}

function count(tally: Tally, contract: Contract, { method = '', target }: Asked, { answers }: Exchange): void {
  const operation = target === undefined ? undefined : operationOf(contract, method, target)
  for (const { status } of answers) {
    const key = `${operation?.operationId ?? 'none'} ${status}`
    tally.answered.set(key, (tally.answered.get(key) ?? 0) + 1)
  }
}

type Held = { email: string; password: string; token: string; refresh: string; session: string }

/** A client with an account of its own, and with addresses of its own. */
function clientOf({ port, credential }: Target, lane: number, onToken: () => void) {
  let held: Held | undefined
  let made = 0
  let sent = 0

  const nextAddress = () => {
    sent += 1
    const at = (sent * lanes + lane) % maxAddresses
    return `127.2.${Math.floor(at / 250)}.${1 + (at % 250)}`
  }
  const nextEmail = () => {
    made += 1
    return `fuzz${lane}-${made}@example.com`
  }
  const over = (bytes: Uint8Array, isLast = false) =>
    exchange(bytes, { port, from: nextAddress(), deadlineMilliseconds, isLast })

  async function signUp(): Promise<Held> {
    const account = { email: nextEmail(), password: `${canary}-held-${lane}` }
    const body = JSON.stringify(account)
    const { answers } = await over(bytesOf('POST', '/api/auth/signup', [['Content-Type', 'application/json']], body))
    const tokens = answers[0]?.status === 201 ? JSON.parse(answers[0].body) : undefined
    if (!tokens) return signUpAgain(answers[0]?.status)
    onToken()
    const claims = JSON.parse(Buffer.from(tokens.token.split('.')[1], 'base64url').toString())
    return { ...account, token: tokens.token, refresh: tokens.refresh_token, session: claims.sid }
  }

  /** An email that the fuzzer made first, or an address that has had its share; not for ever. */
  function signUpAgain(status: number | undefined): Promise<Held> {
    if (status !== 409 && status !== 429) throw new Error(`The fuzzer cannot sign up: the answer was ${status}`)
    return signUp()
  }

  return {
    async send(request: FuzzRequest) {
      held ??= await signUp()
      const values: Record<string, string> = {
        ...held,
        credential,
        basic: Buffer.from(`tasks:${credential}`).toString('base64'),
        fresh: nextEmail(),
      }
      const fill = (text: string) => text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => values[name] ?? whole)
      if (request.kind === 'raw') {
        const bytes = Buffer.from(request.bytes, 'latin1')
        const asked: Asked = { secrets: [] }
        return {
          asked,
          exchanged: await over(bytes, true),
          curl: `printf '%b' ${printable(bytes)} | nc 127.0.0.1 8000`,
        }
      }

      const { method, body } = request
      const target = fill(request.target)
      const headers = request.headers.map(([name, value]): [string, string] => [name, fill(value)])
      const bytes = bytesOf(method, target, headers, typeof body === 'string' ? fill(body) : body)
      const sentText = bytes.toString('latin1')
      const secrets = [held.token, held.refresh, held.password, credential].filter((one) => sentText.includes(one))
      const exchanged = await over(bytes)
      // By what came of it: a signup or login as such leaves the session as it was.
      const isDone = exchanged.answers.some(({ status }) => status === 200)
      if (isDone && mayEnd(method, target)) held = undefined
      const asked: Asked = { method, target, secrets }
      return { asked, exchanged, curl: curlOf(request) }
    },
  }
}

function mayEnd(method: string, target: string): boolean {
  return method === 'DELETE' || (method === 'POST' && /^\/api\/auth\/(logout|password|revoke|refresh)\b/.test(target))
}

/** A line to type; `$TOKEN` and its like stand for what a signup answers. */
function curlOf(request: Extract<FuzzRequest, { kind: 'shaped' }>): string {
  const shown = (text: string) =>
    quoted(text).replace(/\{\{(\w+)\}\}/g, (_, name: string) => `'"$${name.toUpperCase()}"'`)
  const { method, target, headers, body } = request
  return [
    `curl -i --path-as-is -X ${method}`,
    ...headers.map(([name, value]) => `-H ${shown(`${name}${value === '' ? ';' : `: ${value}`}`)}`),
    ...(body === undefined
      ? []
      : [typeof body === 'string' ? `--data-raw ${shown(body)}` : `--data-binary @<(printf '%b' ${printable(body)})`]),
    shown(`http://localhost:8000${target}`),
  ].join(' ')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function printable(bytes: Uint8Array): string {
  return quoted(
    [...bytes]
      .map((byte) =>
        byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : `\\0${byte.toString(8)}`,
      )
      .join(''),
  )
}
