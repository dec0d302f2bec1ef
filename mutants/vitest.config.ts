import { matchesGlob, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const conditions = ['latchkey-source', 'node', 'default']
const tests: string[] = JSON.parse(process.env['MUTANTS_TESTS'] ?? '[]')
const ownTest = process.env['MUTANTS_FILE']?.replace(/\.ts$/, '.test.ts')

/** The first test that fails decides, so those that say most and take least are asked first. */
class AsListed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const file = relative(process.cwd(), moduleId)
      return file === ownTest ? -1 : tests.findIndex((pattern) => matchesGlob(file, pattern))
    }
    return files.sort((one, other) => rank(one) - rank(other))
  }
}

// Each mutant has a process of its own, which loads the same packages: what the first one compiled the others take.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('../node_modules/.cache/latchkey/compiled', import.meta.url),
)

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: tests,
    setupFiles: fileURLToPath(new URL('end-at-failure.ts', import.meta.url)),
    sequence: { sequencer: AsListed },
    // One process for all files that are asked about a mutant, not one each.
    isolate: false,
    restoreMocks: true,
    testTimeout: 15_000,
    hookTimeout: 120_000,
    // As long as a test may wait for what comes late on a busy machine: it would count as killed.
    expect: { poll: { timeout: 5_000 } },
    provide: { engine: 'sqlite' },
  },
})
