/**
 * A verifier in a process of its own.
 *
 *   node verifier-process.ts ISSUER OPTIONS    over IPC it takes a token and a number, and says what it thinks of it
 */
import { createVerifier } from '@latchkey/verify'

const [issuer = '', options = '{}'] = process.argv.slice(2)
const verifier = createVerifier({ issuer, ...JSON.parse(options) })

process.on('message', async ({ question, token }: { question: number; token: string }) => {
  const outcome = await verifier.verify(token).then(
    () => 'accepted',
    ({ code }) => code,
  )
  process.send?.({ question, outcome, status: verifier.status() })
})
process.on('disconnect', () => process.exit())
process.send?.({ isReady: true })
