import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const conditions = ['latchkey-source', 'node', 'default']

// Each mutant has a process of its own, which loads the same packages: what the first one compiled the others take.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('../node_modules/.cache/latchkey/compiled', import.meta.url),
)

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: JSON.parse(process.env['MUTANTS_TESTS'] ?? '[]'),
    // One process for all files that are asked about a mutant, not one each.
    isolate: false,
    restoreMocks: true,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    provide: { engine: 'sqlite' },
  },
})
