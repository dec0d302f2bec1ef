import { expect, test } from 'vitest'
import { apiHouse } from '../testing/api-house.ts'

const path = '/api/auth/introspect'

/** What an API gets for a form, as it stands. */
async function sendForm(form: string, type = 'application/x-www-form-urlencoded') {
  const { send, credential } = await apiHouse()
  return send(path, form, { credential, headers: { 'content-type': type } })
}

test.each([
  'application/x-www-form-urlencoded',
  'Application/X-WWW-Form-Urlencoded',
  'application/x-www-form-urlencoded; charset=utf-8',
  'application/x-www-form-urlencoded;charset="UTF-8"',
])('a form of the type %j is read', async (type) => {
  const { status } = await sendForm('token=x', type)

  expect(status).toBe(200)
})

test.each([
  '',
  'application/json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded; charset=utf-16',
  'application/x-www-form-urlencoded; boundary=x',
  'application/x-www-form-urlencoded-not',
  'application/x-www-form-urlencoded, application/json',
])('a form of the type %j is refused, and told which it must be', async (type) => {
  const answer = await sendForm('token=x', type)

  expect(answer.status).toBe(415)
  expect(answer.json().error).toMatchObject({
    code: 'UNSUPPORTED_MEDIA_TYPE',
    details: [{ field: 'content-type', issue: 'Must be application/x-www-form-urlencoded' }],
  })
})

test('a compressed form is refused', async () => {
  const { send, credential } = await apiHouse()

  const { status } = await send(path, 'token=x', { credential, headers: { 'content-encoding': 'gzip' } })

  expect(status).toBe(415)
})

test.each([
  ['two tokens', 'token=a&token=b'],
  ['two tokens alike', 'token=a&token=a'],
  ['two tokens, one spelled in escapes', 'token=a&%74oken=b'],
  ['a token that is empty and one that is not', 'token=&token=b'],
  ['two hints', 'token=a&token_type_hint=x&token_type_hint=x'],
  ['two of a parameter that nobody knows', 'token=a&x=1&x=2'],
  ['an escape that is none', 'token=%zz'],
  ['an escape that breaks off', 'token=%4'],
  ['a lone percent sign', 'token=100%'],
  ['an escape of half a character', 'token=%C3'],
  ['an overlong escape', 'token=%C0%AF'],
  ['an escaped surrogate', 'token=%ED%A0%80'],
  ['a malformed name', '%zz=x&token=a'],
])('a form with %s is refused', async (_, form) => {
  const answer = await sendForm(form)

  expect(answer.status).toBe(400)
  expect(answer.json().error).toMatchObject({ code: 'VALIDATION_ERROR', details: [{ field: 'body' }] })
})

test('a form that is not UTF-8 is refused', async () => {
  const { app, credential } = await apiHouse()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization: `Bearer ${credential}` }
  const body = Buffer.from('token=\xff', 'latin1')

  const answer = await app.fetch(new Request(`http://localhost:8000${path}`, { method: 'POST', headers, body }), {})

  expect(answer.status).toBe(400)
})

test.each(['', 'token', 'token=', 'hint=x', '&&', '=x', 'Token=x', 'token%00=x', '__proto__=x', '?token=x'])(
  'the form %j sends no token, and is told so',
  async (form) => {
    const answer = await sendForm(form)

    expect(answer.status).toBe(400)
    expect(answer.json().error).toMatchObject({
      code: 'VALIDATION_ERROR',
      details: [{ field: 'token', issue: 'Must be sent' }],
    })
  },
)

test('a form beyond 16 KiB is refused', async () => {
  const longest = await sendForm(`token=${'x'.repeat(16 * 1024 - 6)}`)

  const longer = await sendForm(`token=${'x'.repeat(16 * 1024 - 5)}`)

  expect([longest.status, longer.status]).toEqual([200, 413])
})

test('a form may escape what it likes, send what nobody knows, and end in an ampersand', async () => {
  const { tokens, send, credential } = await apiHouse()
  const escaped = tokens.accessToken.replaceAll('.', '%2e').replaceAll('-', '%2D')

  const answer = await send(path, `a+b=c+d&%74oken=${escaped}&__proto__=x&`, { credential })

  expect(answer.json().active).toBe(true)
})
