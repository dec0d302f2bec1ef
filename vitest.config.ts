import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const conditions = ['latchkey-source', 'node', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'examples/**/*.test.ts',
      'scripts/**/*.test.ts',
      'docs/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    globals: false,
    // Of two cores the runner would use one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      // The command line and what seeds run as processes and the hash worker as threads, where they are tested but not counted.
      exclude: [
        '**/*.test.ts',
        '**/testing/**',
        'packages/server/src/cli/!(assemble|block-list).ts',
        '**/hash-worker.ts',
        'packages/server/src/storage/seed.ts',
      ],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 97, branches: 92, 'packages/verify/src/**': { lines: 100, branches: 95 } },
    },
  },
})
