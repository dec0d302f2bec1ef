import { defineConfig } from 'vitest/config'

const conditions = ['latchkey-source', 'node', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: JSON.parse(process.env['MUTANTS_TESTS'] ?? '[]'),
    testTimeout: 120_000,
    hookTimeout: 120_000,
    provide: { engine: 'sqlite' },
  },
})
