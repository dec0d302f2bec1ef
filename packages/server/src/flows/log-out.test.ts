import { expect, test } from 'vitest'
import { ada, testHouse } from '../testing/test-house.ts'

test('logOut() makes every verifier in the process refuse the session before it answers', async () => {
  const { auth, verifier } = await testHouse()
  const { accessToken } = await auth.signUp(ada)
  const { user_id, sid } = await verifier.verify(accessToken)
  const caller = { userId: user_id as never, sessionId: sid as never }

  await auth.logOut({ caller, scope: 'local', origin: ada.origin })

  await expect(verifier.verify(accessToken)).rejects.toMatchObject({ code: 'AUTH_REVOKED' })
})
