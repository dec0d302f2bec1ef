import { expect, test } from 'vitest'
import { refusals } from '../domain/refusal.ts'
import { formSender } from '../testing/api-house.ts'
import { ada, callerOf, originAt, testHouse } from '../testing/test-house.ts'
import { routerPath } from './path-pattern.ts'

type Schema = { [keyword: string]: unknown }
type Operation = { operationId: string; responses: Record<string, { content?: Record<string, { schema: Schema }> }> }
type Contract = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

const credentials = { email: ada.email, password: ada.password }
const formats: Record<string, RegExp> = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
}

async function servedContract() {
  const house = await testHouse()
  const contract: Contract = (await house.request('/openapi.json')).json()
  return { ...house, contract }
}

/** Where a value departs from a schema of the contract, by the keywords that the contract uses. */
function faultsOf(value: unknown, schema: Schema, contract: Contract, at = ''): string[] {
  const reference = schema['$ref']
  if (typeof reference === 'string') {
    const named = contract.components.schemas[reference.replace('#/components/schemas/', '')]
    return named ? faultsOf(value, named, contract, at) : [`${at}: ${reference} is nowhere`]
  }
  const choices = schema['anyOf'] as Schema[] | undefined
  if (choices) {
    const found = choices.some((choice) => faultsOf(value, choice, contract, at).length === 0)
    return found ? [] : [`${at} fits no choice`]
  }
  return [...typeFaults(value, schema, at), ...memberFaults(value, schema, contract, at)]
}

function typeFaults(value: unknown, schema: Schema, at: string): string[] {
  const types = [schema['type'] ?? []].flat()
  const ownType = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const isInteger = Number.isInteger(value) && types.includes('integer')
  const pattern = formats[String(schema['format'])]
  const isAmong = (choices: unknown) => !Array.isArray(choices) || choices.includes(value)
  return [
    ...(types.length === 0 || types.includes(ownType) || isInteger ? [] : [`${at} is of type ${ownType}`]),
    ...(pattern && typeof value === 'string' && !pattern.test(value) ? [`${at} is no ${schema['format']}`] : []),
    ...(isAmong(schema['enum']) ? [] : [`${at} is none of the enum`]),
    ...('const' in schema && schema['const'] !== value ? [`${at} is not the constant`] : []),
  ]
}

function memberFaults(value: unknown, schema: Schema, contract: Contract, at: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => faultsOf(item, (schema['items'] ?? {}) as Schema, contract, `${at}/${index}`))
  }
  if (typeof value !== 'object' || value === null) return []
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>
  const required = (schema['required'] ?? []) as string[]
  const isOpen = schema['additionalProperties'] !== undefined && schema['additionalProperties'] !== false
  return [
    ...required.filter((name) => !(name in value)).map((name) => `${at}/${name} is missing`),
    ...Object.entries(value).flatMap(([name, member]) => {
      const own = properties[name]
      if (own) return faultsOf(member, own, contract, `${at}/${name}`)
      return isOpen ? [] : [`${at}/${name} is not in the contract`]
    }),
  ]
}

test('the routes that the server answers are those that the contract tells of [ASVS 6.3.4]', async () => {
  const { app, contract } = await servedContract()
  const documented = Object.entries(contract.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${routerPath(path)}`),
  )

  const served = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`)

  const own = served.filter((route) => !/ \/(docs|openapi\.json)/.test(route))
  expect(own.toSorted()).toEqual(documented.toSorted())
  expect(new Set(served).size).toBe(served.length)
})

test('the contract is an OpenAPI 3.1 document whose operations have names of their own', async () => {
  const { contract } = await servedContract()

  const names = Object.values(contract.paths).flatMap((path) => Object.values(path).map((one) => one.operationId))

  expect(contract.openapi).toBe('3.1.0')
  expect(new Set(names).size).toBe(names.length)
})

test('the contract names every code that an error can have', async () => {
  const { contract } = await servedContract()

  const text = JSON.stringify(contract.components.schemas['Error'])

  for (const code of Object.keys(refusals)) expect(text).toContain(`"${code}"`)
})

test('the contract tells for every operation that a request may be malformed, or one too many', async () => {
  const { contract } = await servedContract()

  const operations = Object.values(contract.paths).flatMap((path) => Object.values(path))
  const silent = operations.filter(({ responses }) => !responses['400'] || !responses['429'])

  expect(silent.map(({ operationId }) => operationId)).toEqual([])
})

test('no operation redirects, whatever a parameter asks for [RFC9700-2.1b, ASVS 4.1.2]', async () => {
  const { request, contract } = await servedContract()
  const query = 'redirect_uri=https://evil.example&next=https://evil.example&url=//evil.example'
  const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({ path, method, responses })),
  )

  const streams = '/api/auth/revocations'
  for (const { path, method, responses } of operations.filter((operation) => operation.path !== streams)) {
    const answer = await request(`${path}?${query}`, { method: method.toUpperCase() })
    // 304 says that nothing has changed, and leads nowhere.
    expect(Object.keys(responses).filter((status) => /^3(?!04)/.test(status))).toEqual([])
    expect(answer.headers.has('location')).toBe(false)
    expect(answer.status < 300 || answer.status >= 400).toBe(true)
  }
})

test('the contract leaves metrics out where they are not served', async () => {
  const { request } = await testHouse({ METRICS: 'off' })

  const contract: Contract = (await request('/openapi.json')).json()

  expect(Object.keys(contract.paths)).not.toContain('/metrics')
})

type House = Awaited<ReturnType<typeof servedContract>>
type Tokens = { token: string; refresh_token: string; user_id: string }
type Walk = [
  path: string,
  method: string,
  status: number,
  act: (house: House, tokens: Tokens) => ReturnType<House['request']>,
]

async function formAsApi({ auth, request }: House, path: string, form: string, headers = {}) {
  const { credential } = await auth.addApi({ name: 'tasks', origin: originAt('local') })
  return formSender(request)(path, form, { credential, headers })
}

const walks: Walk[] = [
  [
    '/api/auth/signup',
    'post',
    201,
    ({ request }) => request('/api/auth/signup', { body: { ...credentials, email: 'eve@example.com' } }),
  ],
  ['/api/auth/signup', 'post', 400, ({ request }) => request('/api/auth/signup', { body: { email: 1 } })],
  ['/api/auth/signup', 'post', 409, ({ request }) => request('/api/auth/signup', { body: credentials })],
  ['/api/auth/signup', 'post', 413, ({ request }) => request('/api/auth/signup', { body: ' '.repeat(20_000) })],
  [
    '/api/auth/signup',
    'post',
    415,
    ({ request }) => request('/api/auth/signup', { body: 'x', headers: { 'content-type': 'text/plain' } }),
  ],
  ['/api/auth/login', 'post', 200, ({ request }) => request('/api/auth/login', { body: credentials })],
  [
    '/api/auth/login',
    'post',
    401,
    ({ request }) => request('/api/auth/login', { body: { ...credentials, password: 'WrongPass1' } }),
  ],
  [
    '/api/auth/refresh',
    'post',
    200,
    ({ request }, tokens) => request('/api/auth/refresh', { body: { refresh_token: tokens.refresh_token } }),
  ],
  ['/api/auth/refresh', 'post', 401, ({ request }) => request('/api/auth/refresh', { method: 'POST' })],
  [
    '/api/auth/refresh',
    'post',
    403,
    ({ request }) =>
      request('/api/auth/refresh', {
        method: 'POST',
        headers: { cookie: 'refresh-token=x', origin: 'https://evil.example' },
      }),
  ],
  ['/api/auth/logout', 'post', 200, ({ request }, { token }) => request('/api/auth/logout', { method: 'POST', token })],
  ['/api/auth/logout', 'post', 401, ({ request }) => request('/api/auth/logout', { method: 'POST' })],
  [
    '/api/auth/logout',
    'post',
    403,
    ({ request }, { token }) =>
      request('/api/auth/logout', {
        method: 'POST',
        headers: { cookie: `auth-token=${token}`, origin: 'https://evil.example' },
      }),
  ],
  ['/api/auth/me', 'get', 200, ({ request }, { token }) => request('/api/auth/me', { token })],
  ['/api/auth/me', 'get', 401, ({ request }) => request('/api/auth/me')],
  ['/api/auth/events', 'get', 200, ({ request }, { token }) => request('/api/auth/events?limit=1', { token })],
  ['/api/auth/events', 'get', 400, ({ request }, { token }) => request('/api/auth/events?limit=0', { token })],
  [
    '/api/auth/password',
    'post',
    200,
    ({ request }, { token }) =>
      request('/api/auth/password', {
        body: { current_password: ada.password, new_password: 'AnotherGood1' },
        token,
      }),
  ],
  [
    '/api/auth/password',
    'post',
    400,
    ({ request }, { token }) =>
      request('/api/auth/password', { body: { current_password: ada.password, new_password: 'weak' }, token }),
  ],
  [
    '/api/auth/password',
    'post',
    401,
    ({ request }, { token }) =>
      request('/api/auth/password', { body: { current_password: 'x', new_password: 'AnotherGood1' }, token }),
  ],
  ['/api/auth/sessions', 'get', 200, ({ request }, { token }) => request('/api/auth/sessions', { token })],
  ['/api/auth/sessions', 'get', 401, ({ request }) => request('/api/auth/sessions')],
  [
    '/api/auth/sessions/{id}',
    'delete',
    200,
    async (house, { token }) => {
      const { sessionId } = await callerOf(house, token)
      return house.request(`/api/auth/sessions/${sessionId}`, { method: 'DELETE', token })
    },
  ],
  [
    '/api/auth/sessions/{id}',
    'delete',
    404,
    ({ request }, { token }) => request('/api/auth/sessions/unknown', { method: 'DELETE', token }),
  ],
  ['/.well-known/jwks.json', 'get', 200, ({ request }) => request('/.well-known/jwks.json')],
  [
    '/.well-known/oauth-authorization-server',
    'get',
    200,
    ({ request }) => request('/.well-known/oauth-authorization-server'),
  ],
  ...['access', 'refresh', 'unknown'].map(
    (kind): Walk => [
      '/api/auth/introspect',
      'post',
      200,
      async (house, tokens) => {
        const { credential } = await house.auth.addApi({ name: 'tasks', origin: originAt('local') })
        const token = { access: tokens.token, refresh: tokens.refresh_token }[kind] ?? kind
        return formSender(house.request)('/api/auth/introspect', { token }, { credential })
      },
    ],
  ),
  ...['/api/auth/introspect', '/api/auth/revoke'].flatMap((path): Walk[] => [
    [path, 'post', 401, ({ request }) => formSender(request)(path, {})],
    [path, 'post', 400, (house) => formAsApi(house, path, '')],
    [path, 'post', 413, (house) => formAsApi(house, path, 'x'.repeat(20_000))],
    [path, 'post', 415, (house) => formAsApi(house, path, '{}', { 'content-type': 'application/json' })],
  ]),
  ['/.well-known/status-lists', 'get', 200, ({ request }) => request('/.well-known/status-lists')],
  ['/healthz', 'get', 200, ({ request }) => request('/healthz')],
  ['/readyz', 'get', 200, ({ request }) => request('/readyz')],
]

test.each(walks)(
  'what %s (%s) answers with %i is what the contract says [ASVS 14.2.6]',
  async (path, method, status, act) => {
    const house = await servedContract()
    const tokens: Tokens = (await house.request('/api/auth/signup', { body: credentials })).json()
    await house.auth.logIn({ ...ada, origin: originAt('192.0.2.7') })

    const answer = await act(house, tokens)

    expect(answer.status).toBe(status)
    const schema = house.contract.paths[path]?.[method]?.responses[status]?.content?.['application/json']?.schema
    expect(schema).toBeDefined()
    expect(faultsOf(answer.json(), schema ?? {}, house.contract)).toEqual([])
  },
)

test('every operation of the contract is walked with success by these tests, but for streams, lists, metrics and what answers nothing', async () => {
  const { contract } = await servedContract()

  const walked = new Set(walks.filter(([, , status]) => status < 300).map(([path, method]) => `${method} ${path}`))

  const documented = Object.entries(contract.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  )
  const others = [
    'get /.well-known/status-lists/{list}',
    'get /api/auth/revocations',
    'get /metrics',
    'post /api/auth/revoke',
  ]
  expect([...walked, ...others].toSorted()).toEqual(documented.toSorted())
})
