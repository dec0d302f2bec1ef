import fc, { type Arbitrary } from 'fast-check'
import { type Contract, type Operation, resolve, type Schema } from './contract.ts'
import { hostileBodies, hostileHeaders, hostileTexts, hostileValues, rawRequests } from './hostile.ts'

/**
 * A request to be sent. Names in double braces stand for what the sender holds at that moment: `{{token}}`,
 * `{{refresh}}`, `{{credential}}`, `{{email}}`, `{{password}}`, `{{session}}`, `{{fresh}}`.
 */
export type FuzzRequest =
  | { kind: 'shaped'; method: string; target: string; headers: [string, string][]; body?: string | Uint8Array }
  | { kind: 'raw'; bytes: string }

/** Stands in every password that is made up, so that it can be looked for wherever it must not be. */
export const canary = 'Qz7canaryX'

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

/** Valid, nearly valid and hostile requests to everything that the contract tells of, and bytes that are no request. */
export function requestsOf(contract: Contract): Arbitrary<FuzzRequest> {
  const shaped = fc.oneof(...contract.operations.map((operation) => shapedFor(contract, operation)))
  return fc.oneof(
    { weight: 17, arbitrary: shaped },
    { weight: 1, arbitrary: strayed(shaped) },
    { weight: 2, arbitrary: rawBytes() },
  )
}

function shapedFor(contract: Contract, operation: Operation): Arbitrary<FuzzRequest> {
  return fc
    .record({
      target: targetOf(operation),
      credentials: credentialsOf(operation),
      strange: fc.oneof(
        { weight: 3, arbitrary: fc.constant<[string, string][]>([]) },
        { weight: 1, arbitrary: fc.array(header(), { minLength: 1, maxLength: 3 }) },
      ),
      body: bodyOf(contract, operation),
      isHead: fc.integer({ min: 0, max: 15 }).map((at) => at === 0),
    })
    .map(({ target, credentials, strange, body, isHead }) => ({
      kind: 'shaped',
      method: isHead && operation.method === 'GET' ? 'HEAD' : operation.method,
      target,
      headers: [...credentials, ...body.headers, ...strange],
      ...(body.content === undefined ? {} : { body: body.content }),
    }))
}

/** The same with another method, or on a path that is nearly the one. */
function strayed(shaped: Arbitrary<FuzzRequest>): Arbitrary<FuzzRequest> {
  const tail = fc.constantFrom('', '/', '/x', '%2f', ';a=b', '.', '%00', '//', '/%2e%2e', '~')
  return fc.tuple(shaped, fc.constantFrom(...methods), tail).map(([request, method, more]) => {
    if (request.kind === 'raw') return request
    const [path = '', ...query] = request.target.split('?')
    return { ...request, method, target: [path + more, ...query].join('?') }
  })
}

function rawBytes(): Arbitrary<FuzzRequest> {
  const whole = fc.constantFrom(...rawRequests)
  // What is cut out of the middle leaves the end, so that nobody waits for more.
  const damaged = fc.tuple(whole, fc.nat(), fc.integer({ min: 1, max: 8 })).map(([bytes, at, count]) => {
    const start = at % Math.max(bytes.length - 4, 1)
    return `${bytes.slice(0, start)}${bytes.slice(start + count)}\r\n\r\n`
  })
  const garbage = fc.string({ unit: 'binary', maxLength: 200 }).map((text) => `${text}\r\n\r\n`)
  return fc
    .oneof({ weight: 6, arbitrary: whole }, { weight: 3, arbitrary: damaged }, { weight: 1, arbitrary: garbage })
    .map((bytes) => ({ kind: 'raw' as const, bytes }))
}

const text = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...hostileTexts) },
  { weight: 2, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
)

function targetOf({ path, parameters = [] }: Operation): Arbitrary<string> {
  const filled = parameters
    .filter((one) => one.in === 'path')
    .reduce<Arbitrary<string>>(
      (made, { name, schema }) =>
        fc.tuple(made, pathValue(schema)).map(([sofar, value]) => sofar.replace(`{${name}}`, () => value)),
      fc.constant(path),
    )
  const pairs = parameters
    .filter((one) => one.in === 'query')
    .map(({ name, schema }) =>
      fc.option(
        queryValue(schema).map((value) => `${name}=${value}`),
        { nil: '' },
      ),
    )
  const stray = fc.constantFrom('', '', '', '', 'access_token={{token}}', 'a', '=', '&&', 'limit=1&limit=2', 'x[]=%zz')
  return fc.tuple(filled, fc.tuple(...pairs), stray).map(([made, given, extra]) => {
    const query = [...given, extra].filter(Boolean).join('&')
    return query ? `${made}?${query}` : made
  })
}

function pathValue(schema: Schema): Arbitrary<string> {
  const good = schema.format === 'uuid' ? fc.oneof(fc.uuid(), fc.constant('{{session}}')) : fc.nat(40_000).map(String)
  return fc.oneof({ weight: 3, arbitrary: good }, { weight: 1, arbitrary: fc.constant('0') }, text.map(escaped))
}

function queryValue({ type, format, minimum = 0, maximum = 1000 }: Schema): Arbitrary<string> {
  const good = format === 'uuid' ? fc.uuid() : fc.integer({ min: minimum, max: maximum }).map(String)
  return type
    ? fc.oneof({ weight: 2, arbitrary: good }, { weight: 1, arbitrary: text.map(escaped) })
    : text.map(escaped)
}

/** Percent-encoded where a request line could not bear it. */
function escaped(value: string): string {
  return encodeURIComponent(value.toWellFormed())
    .slice(0, 4000)
    .replace(/%[0-9A-F]?$/, '')
}

function credentialsOf({ security }: Operation): Arbitrary<[string, string][]> {
  const asUser: [string, string][][] = [[['Authorization', 'Bearer {{token}}']], [['Cookie', 'auth-token={{token}}']]]
  const asApi: [string, string][][] = [
    [['Authorization', 'Bearer {{credential}}']],
    [['Authorization', 'Basic {{basic}}']],
  ]
  const isForApis = security?.some((one) => 'apiBasic' in one)
  const right = isForApis ? asApi : asUser
  const wrong: [string, string][][] = [
    [],
    ...(isForApis ? asUser : asApi),
    [['Authorization', 'Bearer {{token}}x']],
    [['Authorization', 'Bearer {{refresh}}']],
    [['Authorization', 'Bearer x.{{token}}']],
    [['Cookie', 'auth-token={{token}}; auth-token={{token}}']],
    [['Cookie', 'refresh-token={{refresh}}']],
    [...(right[0] ?? []), ...(right[0] ?? [])],
  ]
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...right) },
    { weight: 1, arbitrary: fc.constantFrom(...wrong) },
  )
}

function header(): Arbitrary<[string, string]> {
  const known = fc.constantFrom(...hostileHeaders).map(([name, value]): [string, string] => [name, value])
  const names = fc.constantFrom(
    'Authorization',
    'Cookie',
    'Origin',
    'User-Agent',
    'Forwarded',
    'X-Forwarded-For',
    'Accept',
  )
  const made = fc.tuple(names, text.map(inLine)).map(([name, value]): [string, string] => [name, value])
  return fc.oneof({ weight: 3, arbitrary: known }, { weight: 1, arbitrary: made })
}

/** What a header can bear: what it cannot is sent as raw bytes. */
function inLine(value: string): string {
  return value.replace(/[^\x20-\x7e\x80-\xff]/g, '').slice(0, 2000)
}

type Body = { headers: [string, string][]; content?: string | Uint8Array }

function bodyOf(contract: Contract, { requestBody }: Operation): Arbitrary<Body> {
  const [type, { schema } = { schema: {} }] = Object.entries(requestBody?.content ?? {})[0] ?? []
  const headers: [string, string][] = type ? [['Content-Type', type]] : []
  const broken = fc.constantFrom(...hostileBodies).map((content): Body => ({ headers, content }))
  if (!type) {
    const json: [string, string][] = [['Content-Type', 'application/json']]
    const none = fc.constant<Body>({ headers })
    return fc.oneof(
      { weight: 12, arbitrary: none },
      { weight: 1, arbitrary: broken.map((one) => ({ ...one, headers: json })) },
    )
  }

  const encode = type.includes('json') ? JSON.stringify : formOf
  const members = fc.tuple(
    ...Object.entries(resolve(contract, schema).properties ?? {}).map(([name, one]) => memberOf(name, one)),
  )
  const good = members.map((all): Body => ({ headers, content: encode(Object.fromEntries(all)) }))
  const bad = fc
    .tuple(
      members,
      fc.nat(),
      fc.oneof(text, fc.constantFrom(...hostileValues), fc.jsonValue({ maxDepth: 3 })),
      fc.boolean(),
    )
    .map(([all, at, value, isExtra]): Body => {
      const changed = Object.fromEntries(all)
      const name = all[at % Math.max(all.length, 1)]?.[0] ?? 'x'
      return { headers, content: encode({ ...changed, [isExtra ? `${name}_` : name]: value }) }
    })
  const lacking = members.map((all): Body => ({ headers, content: encode(Object.fromEntries(all.slice(1))) }))
  const cut = fc
    .tuple(good, fc.nat())
    .map(([{ content = '' }, at]): Body => ({ headers, content: content.slice(0, at % 30) }))
  return fc.oneof(
    { weight: 8, arbitrary: good },
    { weight: 5, arbitrary: bad },
    { weight: 1, arbitrary: lacking },
    { weight: 1, arbitrary: cut },
    { weight: 2, arbitrary: broken },
    { weight: 1, arbitrary: fc.constant<Body>({ headers: [] }) },
  )
}

/** A member that is right as a rule; by its name, since the meaning is not in the schema. */
function memberOf(name: string, { enum: choices }: Schema): Arbitrary<[string, unknown]> {
  const password = fc.string({ maxLength: 30 }).map((more) => `${canary}${more}`)
  const values: Record<string, Arbitrary<unknown>> = {
    email: fc.oneof(fc.constant('{{email}}'), fc.constant('{{fresh}}'), fc.emailAddress()),
    password: fc.oneof({ weight: 3, arbitrary: fc.constant('{{password}}') }, password),
    current_password: fc.oneof({ weight: 3, arbitrary: fc.constant('{{password}}') }, password),
    new_password: password,
    refresh_token: fc.oneof({ weight: 4, arbitrary: fc.constant('{{refresh}}') }, fc.constant(`lkr_${'A'.repeat(43)}`)),
    token: fc.constantFrom('{{token}}', '{{refresh}}', '{{token}}x', 'x'),
    token_type_hint: fc.constantFrom('access_token', 'refresh_token', 'x'),
  }
  return (choices ? fc.constantFrom(...choices) : (values[name] ?? text)).map((value) => [name, value])
}

function formOf(members: object): string {
  return Object.entries(members)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodePart(value)}`)
    .join('&')
}

/** Placeholders stay what they are: what they stand for needs no escape. */
function encodePart(value: unknown): string {
  const plain = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return /^\{\{\w+\}\}x?$/.test(plain) ? plain : encodeURIComponent(plain.toWellFormed())
}
