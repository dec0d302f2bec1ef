import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { RawAnswer } from '../packages/server/test/raw-answers.ts'
import { type Contract, operationOf, type Response } from './contract.ts'
import { canary } from './requests.ts'
import type { Exchange } from './wire.ts'

/** Which rule an answer broke, and how. */
export type Finding = { rule: string; what: string }

/** What was asked; no target where the bytes were no request. */
export type Asked = { method?: string; target?: string; secrets: readonly string[] }

export type Judge = (asked: Asked, exchange: Exchange) => Finding[]

/** What any request may be told before an operation is reached: that it is no good HTTP, or names nothing. */
const beforeAnyOperation = [400, 404, 405, 408, 413, 417, 431]
/** No operations, but answered: a page, and the contract itself. */
const undocumented = /^\/(docs(\/.*)?|openapi\.json|\.well-known\/oauth-authorization-server\/.*)$/
const everywhere = [
  'x-content-type-options',
  'x-frame-options',
  'referrer-policy',
  'content-security-policy',
  'cache-control',
]
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
/** What betrays a stack, a query or a file. */
const insides = /node_modules|\bat \w+ \(|node:internal|SQLITE|\bselect .* from\b|\.ts:\d+/i

/** Judges answers by the contract: status, type, body, headers, and that nothing secret comes back. */
export function createJudge(contract: Contract): Judge {
  const ajv = new Ajv2020({ strict: false, allErrors: false })
  formats.default(ajv)
  ajv.addSchema(contract.document, 'contract')
  const validatorOf = (pointer: string) =>
    ajv.getSchema(`contract#${pointer}`) ?? ajv.compile({ $ref: `contract#${pointer}` })
  const isError = validatorOf('/components/schemas/Error')

  function judgeAnswer({ method, target, secrets }: Asked, answer: RawAnswer): Finding[] {
    const found: Finding[] = []
    const expect = (holds: boolean, rule: string, what: string) => {
      if (!holds) found.push({ rule, what })
    }
    const { status, headers, body } = answer
    const operation = target === undefined ? undefined : operationOf(contract, method ?? '', target)
    const documented = operation?.responses[status]
    const said = `${status} ${body.slice(0, 300)}`

    const isDecision = documented !== undefined && /"code":"(OVERLOADED|NOT_IMPLEMENTED)"/.test(body)
    expect(status < 500 || isDecision, 'no fault', said)
    for (const name of everywhere) expect(headers[name] !== undefined, 'security headers', `${status} without ${name}`)
    expect(headers['x-content-type-options'] === 'nosniff', 'security headers', `${status} may be sniffed`)
    expect(uuid.test(headers['x-request-id'] ?? ''), 'request id', `${status} has ${headers['x-request-id']}`)
    expect(headers['server'] === undefined && headers['x-powered-by'] === undefined, 'no banner', `${status}`)
    if (target?.startsWith('/api/'))
      expect(headers['cache-control'] === 'no-store', 'security headers', `${status} may be kept`)

    if (operation) {
      const isAllowed = documented !== undefined || [408, 417, 431].includes(status)
      expect(isAllowed, 'status in the contract', `${operation.operationId}: ${said}`)
    } else if (method === 'OPTIONS') {
      expect(status < 300 || beforeAnyOperation.includes(status), 'status in the contract', said)
    } else if (target !== undefined && !undocumented.test(target.split('?')[0] ?? '')) {
      expect(beforeAnyOperation.includes(status), 'status in the contract', `no operation: ${said}`)
    }

    if (method === 'HEAD') expect(body === '', 'no body for HEAD', said)
    else if (status >= 400) judgeError(answer, expect)
    else if (operation && documented) judgeBody(operation.path, operation.method, documented, answer, expect)

    const whole = `${answer.head}\r\n\r\n${body}`
    expect(!whole.includes(canary), 'no secret comes back', 'the canary of a password')
    expect(
      !secrets.some((secret) => whole.includes(secret)),
      'no secret comes back',
      `one that was sent, with ${status}`,
    )
    expect(!insides.test(answer.head + (status >= 400 ? body : '')), 'no insides', said)
    return found
  }

  function judgeError({ status, headers, body }: RawAnswer, expect: Expect): void {
    const value = parsed(body)
    expect(
      headers['content-type'] === 'application/json; charset=utf-8',
      'one error shape',
      `${status} is ${headers['content-type']}`,
    )
    expect(isError(value) === true, 'one error shape', `${status} ${body.slice(0, 300)}`)
    expect(body.includes(`"request_id":"${headers['x-request-id']}"`), 'one error shape', `${status}: the ids differ`)
    if (status === 401) expect(headers['www-authenticate'] !== undefined, 'WWW-Authenticate', `${status} without it`)
    if (status === 405) expect(headers['allow'] !== undefined, 'Allow', `${status} without it`)
    if (status === 429 || status === 503) {
      expect(
        /^[1-9][0-9]*$/.test(headers['retry-after'] ?? ''),
        'Retry-After',
        `${status} has ${headers['retry-after']}`,
      )
    }
  }

  function judgeBody(path: string, method: string, documented: Response, answer: RawAnswer, expect: Expect): void {
    const { status, headers, body } = answer
    const type = headers['content-type']?.split(';')[0]?.trim()
    const types = Object.keys(documented.content ?? {})
    if (types.length === 0) {
      expect(body === '', 'body in the contract', `${status} with a body: ${body.slice(0, 100)}`)
      return
    }
    expect(types.includes(type ?? ''), 'type in the contract', `${status} is ${type}`)
    if (type !== 'application/json') return
    const pointer = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema']
    const validate = validatorOf(`/${pointer.map((part) => encodeURIComponent(part.replaceAll('/', '~1'))).join('/')}`)
    expect(
      validate(parsed(body)) === true,
      'body in the contract',
      `${ajv.errorsText(validate.errors)}: ${body.slice(0, 300)}`,
    )
  }

  return (asked, { answers, isHung, error }) => {
    if (isHung) return [{ rule: 'no hang', what: `${answers.length} answers, and the connection stayed open` }]
    // A connection that is reset because the server closed first, with bytes of ours unread, has had its answer or not.
    if (answers.length === 0 && (asked.target !== undefined || error === 'ECONNREFUSED')) {
      return [{ rule: 'an answer', what: `none came: ${error ?? 'closed'}` }]
    }
    return answers.flatMap((answer) => judgeAnswer(asked, answer))
  }
}

type Expect = (holds: boolean, rule: string, what: string) => void

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
