import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { password, standIns } from './live-values.ts'

/** As much of the document as is changed here. */
type Operation = { security?: Record<string, unknown>[] }
type Document = {
  components: { securitySchemes: Record<string, unknown> }
  paths: Record<string, Record<string, Operation>>
}

/** The contract as Specmatic can read it. */
export function documentForSpecmatic(): Document {
  const document: Document = parse(readFileSync(new URL('../../contracts/auth.yaml', import.meta.url), 'utf8'))
  // It knows API keys in headers and queries alone. `npm run fuzz` sends cookies.
  delete document.components.securitySchemes['cookie']
  // It waits for the end of each answer, and a stream has none. `npm run fuzz` follows it to its first event.
  delete document.paths['/api/auth/revocations']
  for (const operation of Object.values(document.paths).flatMap((methods) => Object.values(methods))) {
    operation.security = (operation.security ?? []).filter((scheme) => !('cookie' in scheme))
  }
  return document
}

type Ask = {
  method: string
  path: string
  headers: Record<string, string>
  query?: object
  body?: object
  'form-fields'?: object
}
/** A request, and the status that it is answered with. The answer is judged by the schema of that status. */
type Example = { request: Ask; status: number }

const json = { 'Content-Type': 'application/json' }
const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
const signedIn = { Authorization: `Bearer ${standIns.token}` }
const forged = { Authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' }

/** For each operation that only succeeds with something good, that; and refusals that no broken schema can bring about. */
const examples: Record<string, Example> = {
  signUp: posted('signup', { email: standIns.newEmail, password }, 201),
  emailTaken: posted('signup', { email: standIns.email, password }, 409),
  logIn: posted('login', { email: standIns.email, password }, 200),
  wrongPassword: posted('login', { email: standIns.email, password: `${password}!` }, 401),
  refreshSession: posted('refresh', { refresh_token: standIns.refreshToken }, 200),
  unknownRefreshToken: posted('refresh', { refresh_token: `lkr_${'B'.repeat(43)}` }, 401),
  changePassword: posted('password', { current_password: password, new_password: 'Another-Good-1' }, 200, signedIn),
  introspectToken: asked('POST', 'introspect', 200, { headers: form, 'form-fields': { token: standIns.token } }),
  revokeToken: asked('POST', 'revoke', 200, { headers: form, 'form-fields': { token: standIns.refreshToken } }),
  readProfile: asked('GET', 'me', 200, { headers: signedIn }),
  forgedToken: asked('GET', 'me', 401, { headers: forged }),
  listEvents: asked('GET', 'events', 200, { headers: signedIn, query: { cursor: standIns.event, limit: '20' } }),
  endSession: asked('DELETE', `sessions/${standIns.session}`, 200, { headers: signedIn }),
  sessionOfNobody: asked('DELETE', 'sessions/00000000-0000-4000-8000-000000000000', 404, { headers: signedIn }),
  readStatusList: { request: { method: 'GET', path: '/.well-known/status-lists/0', headers: {} }, status: 200 },
  unknownStatusList: { request: { method: 'GET', path: '/.well-known/status-lists/99', headers: {} }, status: 404 },
}

function posted(name: string, body: object, status: number, headers: Record<string, string> = {}): Example {
  return asked('POST', name, status, { headers: { ...json, ...headers }, body })
}

function asked(method: string, name: string, status: number, rest: Omit<Ask, 'method' | 'path'>): Example {
  return { request: { method, path: `/api/auth/${name}`, ...rest }, status }
}

/** The examples as Specmatic reads them. What is not said of an answer it takes from the schema. */
export function exampleFiles(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(examples).map(([name, { request, status }]) => {
      const body = bodies[name] ?? { body: {} }
      return [name, { partial: { 'http-request': request, 'http-response': { status, ...body } } }]
    }),
  )
}

/** Those that are no JSON. */
const bodies: Record<string, object> = { readStatusList: { body: '' }, revokeToken: {} }
