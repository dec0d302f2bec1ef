import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { doors } from './testing/doors.ts'
import { bearer } from './testing/guarded.ts'
import { sendRaw } from './testing/server.ts'
import { ada, bob, es256Key, issuer, startOfTime, tokenOf } from './testing/tokens.ts'
import { createVerifier, type Verifier } from './verifier.ts'

const key = es256Key()

/** A verifier that must wait for its keys whenever it meets its first token. */
function waitingVerifier(): Verifier {
  const keys = async () => {
    await setTimeout(20)
    return { keys: [key.jwk] }
  }
  return createVerifier({ issuer, keys, revocations: 'off', now: () => startOfTime * 1_000 })
}

test.each(Object.entries(doors))('%s judges alike when the keys are still on their way', async (_, open) => {
  const statusOf = async (user: string, token: string) => {
    const server = await open(waitingVerifier())
    onTestFinished(() => server.close())
    return (await sendRaw(server.port, `/api/${user}/tasks`, [bearer(token)])).status
  }

  expect(await statusOf(ada, tokenOf(key))).toBeLessThan(300)
  expect(await statusOf(bob, tokenOf(key))).toBe(403)
  expect(await statusOf(ada, tokenOf(es256Key()))).toBe(401)
})
