/** Checks the built packages as their users will get them: run scripts/build.ts first. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const root = join(import.meta.dirname, '..')
const execute = promisify(execFile)

/** The product is published without its tests, its sources and anybody's settings. */
const unwelcome = [/\.test\./, /(^|\/)(src|test|testing)\//, /(^|\/)\.env(?!\.example$)/]

async function packedFiles(folder: string): Promise<string[]> {
  const { stdout } = await execute('npm', ['pack', '--dry-run', '--json', '--loglevel=error'], {
    cwd: folder,
    shell: process.platform === 'win32',
  })
  // npm 11 answers with an array, npm 12 with an object by package name.
  const packs = Object.values(JSON.parse(stdout)) as { files: { path: string }[] }[]
  return packs.flatMap(({ files }) => files.map(({ path }) => path))
}

async function checkContents(folder: string): Promise<string> {
  const files = await packedFiles(folder)
  const wrong = files.filter((path) => unwelcome.some((pattern) => pattern.test(path)))
  if (wrong.length > 0) throw new Error(wrong.map((path) => `${path} must not be published`).join('\n'))
  return `${files.length} files would be published\n`
}

/** Answers what the command printed. */
async function runCommand(...parameters: string[]): Promise<string> {
  const { stdout, stderr } = await execute(process.execPath, [join(root, 'run.mjs'), ...parameters])
  return stdout + stderr
}

/** Prints what was found when all is known, since the packages are checked side by side. */
async function check(name: string): Promise<boolean> {
  const folder = join(root, 'packages', name)
  let found = `packages/${name}\n`
  try {
    found += await runCommand(':publint', '--strict', folder)
    found += await runCommand(':attw', '--pack', folder, '--profile', 'esm-only')
    found += await checkContents(folder)
    console.log(found)
    return true
  } catch (error) {
    // What a command printed that failed is where it says why.
    const { message, stdout = '', stderr = '' } = error as Error & { stdout?: string; stderr?: string }
    console.error([found, stdout, stderr, message].join('\n'))
    return false
  }
}

const areFit = await Promise.all(['verify', 'server'].map(check))
if (areFit.includes(false)) process.exitCode = 1
