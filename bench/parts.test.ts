import { expect, test } from 'vitest'
import { parts } from './parts.ts'

// How fast it is says nothing on a machine that does other things too: this shows that each part runs and measures.
test.each(parts.filter(({ name }) => name !== 'flood' && name !== 'logout'))(
  'npm run bench -- $name finds a figure for everything it measures',
  { timeout: 60_000 },
  async (part) => {
    const findings = await part.measure({ isSmoke: true, peers: undefined, progress: () => {} })

    expect(findings.length).toBeGreaterThan(2)
    expect(findings.filter(({ figure }) => /undefined/.test(figure))).toEqual([])
  },
)

test('npm run bench -- logout misses no refusal', { timeout: 60_000 }, async () => {
  const logout = parts.find(({ name }) => name === 'logout')

  const findings = await logout?.measure({ isSmoke: true, peers: undefined, progress: () => {} })

  expect(findings).toContainEqual(expect.objectContaining({ what: 'Missed', figure: '0' }))
})

test('npm run bench -- flood: a guesser is slowed, the owner on a known device and others are not, and who is blocked stays so', {
  timeout: 60_000,
}, async () => {
  const flood = parts.find(({ name }) => name === 'flood')

  const findings = await flood?.measure({ isSmoke: true, peers: undefined, progress: () => {} })

  expect(findings?.filter(({ wanted }) => wanted?.isMet).length).toBeGreaterThan(8)
  expect(findings?.filter(({ wanted }) => wanted?.isMet === false)).toEqual([])
})
