import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const conditions = ['latchkey-source', 'node', 'default']

// Each worker loads the same packages: what one compiled the others, and the processes that tests start, take from here.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/latchkey/compiled', import.meta.url))

/** Tests of the server that ask for a database: each file is run once on each engine. */
const onBothEngines = [
  'packages/server/{src/{flows,http,limits,storage},test}/**/*.test.ts',
  'packages/server/src/*.test.ts',
]
const onSqliteAlone = [
  'packages/server/{src,test}/**/*.sqlite.test.ts',
  // What is parsed, shown, hashed or published before a database is asked, or without one.
  'packages/server/src/http/{client-address,contract,cookies,cursor,form,path-pattern,problem}.test.ts',
  'packages/server/src/http/routes/metadata.test.ts',
  'packages/server/test/{docs-page.browser,inspection,overload}.test.ts',
]
const onPostgresAlone = ['packages/server/{src,test}/**/*.postgres.test.ts']

/** What starts processes and waits for them comes first, so that at the end no long file runs while cores are idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId, project }: TestSpecification) => `${project.name} ${moduleId.includes('/src/')}`
    return sorted.sort((one, other) => rank(one).localeCompare(rank(other)))
  }
}

const common = {
  globals: false,
  // To load the server takes longer than most files run. It keeps no state in its modules, so a worker loads it once; what
  // a test has put in place of a function is taken back before the next.
  isolate: false,
  restoreMocks: true,
  // How long a test may wait for what takes a moment: long, so that only what never comes fails on a busy machine.
  testTimeout: 60_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 15_000 } },
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    // Many tests wait for processes and clocks: two more at a time than there are cores keep the cores at work.
    maxWorkers: availableParallelism() + 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          ...common,
          name: 'sqlite',
          include: [
            'packages/*/{src,test}/**/*.test.ts',
            'examples/**/*.test.ts',
            'scripts/**/*.test.ts',
            'docs/**/*.test.ts',
            'bench/**/*.test.ts',
            'chaos/**/*.test.ts',
            'timing/*.test.ts',
            'mutants/*.test.ts',
            'fuzz/**/*.test.ts',
          ],
          exclude: [...configDefaults.exclude, ...onPostgresAlone],
          provide: { engine: 'sqlite' },
        },
      },
      {
        extends: true,
        test: {
          ...common,
          name: 'postgres',
          include: onBothEngines,
          exclude: [...configDefaults.exclude, ...onSqliteAlone],
          provide: { engine: 'postgres' },
          globalSetup: 'packages/server/src/testing/start-postgres.ts',
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      // The command line and what seeds run as processes and the workers as threads, where they are tested but not counted.
      exclude: [
        '**/*.test.ts',
        '**/testing/**',
        'packages/server/src/cli/!(assemble|block-list|database).ts',
        '**/{checkpoint,hash}-worker.ts',
        'packages/server/src/storage/seed.ts',
      ],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 97, branches: 92, 'packages/verify/src/**': { lines: 100, branches: 95 } },
    },
  },
})
