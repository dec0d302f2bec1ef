import { expect, test } from 'vitest'
import { authenticate, authenticateOwner } from './fetch.ts'
import { adasToken, verifier } from './testing/guarded.ts'
import { ada } from './testing/tokens.ts'

test.each([
  ['AUTH_MISSING', []],
  ['AUTH_MISSING', ['Digest username="a", realm="b"']],
  ['AUTH_INVALID', ['Bearer a, b']],
  ['VALIDATION_ERROR', ['Bearer a', 'Bearer b']],
  ['VALIDATION_ERROR', ['Bearer a,Bearer b']],
  ['VALIDATION_ERROR', ['Bearer a, Bearer']],
])('authenticate() answers %s where the Authorization headers are %j [RFC6750-2]', async (code, values) => {
  const headers = values.map((value): [string, string] => ['authorization', value])

  const { claims, refusal } = await authenticate(verifier)(new Request('http://localhost/me', { headers }))

  expect(claims).toBeUndefined()
  expect(await refusal?.json()).toMatchObject({ error: { code } })
})

test.each([`/api/${ada}`, `/api/${ada}#tasks`])('authenticateOwner() lets the user pass on %s', async (path) => {
  const request = new Request(`http://localhost${path}`, { headers: { authorization: `Bearer ${adasToken}` } })

  const { claims } = await authenticateOwner(verifier)(request, ada)

  expect(claims).toMatchObject({ user_id: ada })
})
