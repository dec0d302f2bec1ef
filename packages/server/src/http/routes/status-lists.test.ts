import { gunzipSync, inflateSync } from 'node:zlib'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { ada, callerOf, testHouse } from '../../testing/test-house.ts'

const path = '/.well-known/status-lists/0'
const uri = `http://localhost:8000${path}`
const secret = 'a shared secret of more than 32 bytes'

type House = Awaited<ReturnType<typeof testHouse>>

async function houseWithAda(settings: Record<string, string> = {}) {
  const house = await testHouse(settings)
  const { accessToken } = await house.auth.signUp(ada)
  return { ...house, accessToken }
}

/** Signs somebody in and out. Answers at which index that session stands. */
async function endOne(house: House): Promise<number> {
  const { accessToken } = await house.auth.logIn(ada)
  await house.auth.logOut({ caller: await callerOf(house, accessToken), scope: 'local', origin: ada.origin })
  return indexOf(accessToken)
}

function indexOf(accessToken: string): number {
  return (decodeJwt(accessToken)['status'] as { status_list: { idx: number } }).status_list.idx
}

/** The indexes that are set in a Status List Token, by the draft's order of bits. */
function setIn(token: string): number[] {
  const { lst } = decodeJwt(token)['status_list'] as { lst: string }
  const bits = inflateSync(Buffer.from(lst, 'base64url'))
  return Array.from({ length: bits.length * 8 }, (_, at) => at).filter((at) => ((bits[at >> 3] ?? 0) >> (at & 7)) & 1)
}

/** The list as its bytes go out to who takes these codings. */
async function readIn({ app }: House, encodings: string) {
  const request = new Request(uri, { headers: { 'accept-encoding': encodings } })
  const answer = await app.fetch(request, { remoteAddress: '192.0.2.1' })
  const [encoding, vary, length] = ['content-encoding', 'vary', 'content-length'].map((name) =>
    answer.headers.get(name),
  )
  return { encoding, vary, length, body: Buffer.from(await answer.arrayBuffer()) }
}

test('GET /.well-known/status-lists names the lists that live, and how far they are complete', async () => {
  const house = await houseWithAda()
  await endOne(house)

  const answer = await house.request('/.well-known/status-lists')

  expect(answer.json()).toEqual({ status_lists: [uri] })
  expect(answer.headers.get('revocation-cursor')).toBe('1')
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
})

test('GET /.well-known/status-lists names none before the first session', async () => {
  const { request } = await testHouse()

  expect((await request('/.well-known/status-lists')).json()).toEqual({ status_lists: [] })
})

test('GET a status list answers a Status List Token of the draft, signed by a published key', async () => {
  const house = await houseWithAda()
  const index = await endOne(house)

  const answer = await house.request(path)

  const keys = createLocalJWKSet((await house.request('/.well-known/jwks.json')).json())
  const currentDate = new Date(house.clock.now())
  const { payload } = await jwtVerify(answer.text, keys, { typ: 'statuslist+jwt', subject: uri, currentDate })
  expect(answer.headers.get('content-type')).toBe('application/statuslist+jwt')
  expect(payload).toMatchObject({
    iss: 'http://localhost:8000',
    iat: house.clock.now() / 1000,
    exp: house.clock.now() / 1000 + 3600,
    ttl: 30,
    status_list: { bits: 1 },
  })
  expect(setIn(answer.text)).toEqual([index])
})

test('GET a status list answers one that the shared secret verifies, where there is one', async () => {
  const house = await houseWithAda({ JWT_SECRET: secret })

  const { text } = await house.request(path)

  expect(decodeProtectedHeader(text)).toEqual({ alg: 'HS256', typ: 'statuslist+jwt' })
  await jwtVerify(text, Buffer.from(secret), { subject: uri, currentDate: new Date(house.clock.now()) })
})

test('a status list is open to every site, and may be kept for as long as its ttl', async () => {
  const house = await houseWithAda()

  const { headers } = await house.request(path)

  expect(headers.get('cache-control')).toBe('public, max-age=30')
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
})

test('GET a status list answers 304 until a session ends, and tells how far it is complete', async () => {
  const house = await houseWithAda()
  await endOne(house)
  const tag = (await house.request(path)).headers.get('etag') ?? ''
  const again = () => house.request(path, { headers: { 'if-none-match': `"other", ${tag}` } })

  const before = await again()
  await endOne(house)
  const after = await again()

  expect([before.status, before.text, before.headers.get('revocation-cursor')]).toEqual([304, '', '1'])
  expect([after.status, after.headers.get('revocation-cursor')]).toEqual([200, '2'])
})

test('a status list goes out in gzip to who takes it (draft, section 8.2)', async () => {
  const house = await houseWithAda()
  const { text } = await house.request(path)
  const takers = ['gzip', 'gzip, deflate, br', 'br;q=1.0, GZip;q=0.8', 'identity;q=0.5, gzip ; q=1.000']

  const answers = await Promise.all(takers.map((encodings) => readIn(house, encodings)))

  for (const { encoding, vary, length, body } of answers) {
    expect([encoding, vary, length]).toEqual(['gzip', 'Accept-Encoding', String(body.length)])
    expect(gunzipSync(body).toString()).toBe(text)
  }
})

test('a status list goes out as it is to who does not take gzip', async () => {
  const house = await houseWithAda()
  const { text } = await house.request(path)
  const others = ['', 'identity', 'br', 'gzip;q=0', 'gzip;q=0.000, *', 'xgzip', 'gzip;level=9']

  const answers = await Promise.all(others.map((encodings) => readIn(house, encodings)))

  for (const { encoding, vary, body } of answers) {
    expect([encoding, vary, body.toString()]).toEqual([null, 'Accept-Encoding', text])
  }
})

test('a status list that is known already is told so in either coding', async () => {
  const house = await houseWithAda()
  const tag = (await house.request(path)).headers.get('etag') ?? ''

  const answer = await house.request(path, { headers: { 'if-none-match': tag, 'accept-encoding': 'gzip' } })

  expect([answer.status, answer.headers.get('vary')]).toEqual([304, 'Accept-Encoding'])
})

test('GET a status list as it was at another time answers 501, and not the list of now (draft, section 8.4)', async () => {
  const house = await houseWithAda()

  const answer = await house.request(`${path}?time=1795255200`)

  expect([answer.status, answer.json().error.code]).toEqual([501, 'NOT_IMPLEMENTED'])
  expect(answer.headers.get('cache-control')).toBe('no-store')
})

test('a status list is signed once for each version', async () => {
  const house = await houseWithAda()
  const first = await house.request(path)

  const second = await house.request(path)

  expect(second.text).toBe(first.text)
})

test('a status list is signed anew when half of its life is over', async () => {
  const house = await houseWithAda()
  const first = await house.request(path)
  house.clock.advance(31 * 60)

  const second = await house.request(path)

  expect(decodeJwt(second.text).iat).toBe(house.clock.now() / 1000)
  expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'))
})

test.each(['1', '7', '-1', '00', '0x0', 'a', '99999999999999', '%30x'])(
  'GET a status list that was never begun, %s, answers 404',
  async (list) => {
    const house = await houseWithAda()

    const answer = await house.request(`/.well-known/status-lists/${list}`)

    expect(answer.status).toBe(404)
  },
)

test('a status list is dropped when no token of its sessions can live, and an hour has passed', async () => {
  const house = await houseWithAda({ SESSION_TTL: '2d', REFRESH_TOKEN_TTL: '2d' })
  await house.revocations.catchUp()

  house.clock.advance(2 * 86_400 + 3_599)
  const before = await house.request(path)
  house.clock.advance(1)
  const after = await house.request(path)

  expect([before.status, after.status]).toEqual([200, 404])
})

test('a token names a list that its session is in', async () => {
  const { accessToken, request } = await houseWithAda()

  const { status_list } = decodeJwt(accessToken)['status'] as { status_list: { idx: number; uri: string } }

  expect(status_list.uri).toBe(uri)
  expect(setIn((await request(path)).text)).not.toContain(status_list.idx)
})

test('a refreshed token stands at the index of its session', async () => {
  const house = await testHouse()
  const first = await house.auth.signUp(ada)

  const second = await house.auth.refreshSession({ refreshToken: first.refreshToken, origin: ada.origin })

  expect(indexOf(second.accessToken)).toBe(indexOf(first.accessToken))
})
