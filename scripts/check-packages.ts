/** Checks the built packages as their users will get them: run scripts/build.ts first. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** The product is published without its tests, its sources and anybody's settings. */
const unwelcome = [/\.test\./, /(^|\/)(src|test|testing)\//, /(^|\/)\.env(?!\.example$)/]

function packedFiles(folder: string): string[] {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--loglevel=error'], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  // npm 11 answers with an array, npm 12 with an object by package name.
  const packs = Object.values(JSON.parse(output)) as { files: { path: string }[] }[]
  return packs.flatMap(({ files }) => files.map(({ path }) => path))
}

function checkContents(folder: string) {
  const files = packedFiles(folder)
  const wrong = files.filter((path) => unwelcome.some((pattern) => pattern.test(path)))
  console.log(`${files.length} files would be published`)
  for (const path of wrong) console.error(`${path} must not be published`)
  return wrong.length === 0
}

function passes(...parameters: string[]) {
  return spawnSync(process.execPath, [join(root, 'run.mjs'), ...parameters], { stdio: 'inherit' }).status === 0
}

for (const name of ['verify', 'server']) {
  const folder = join(root, 'packages', name)
  console.log(`packages/${name}`)
  const isFit =
    passes(':publint', '--strict', folder) &&
    passes(':attw', '--pack', folder, '--profile', 'esm-only') &&
    checkContents(folder)
  if (!isFit) process.exit(1)
}
