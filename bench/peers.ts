import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Peers } from './report.ts'

const folder = import.meta.dirname

/** The libraries we compare with: they have a lockfile of their own here, and are installed when first needed. */
export function installPeers(progress: (text: string) => void): Peers {
  if (!existsSync(join(folder, 'node_modules', '.package-lock.json'))) {
    progress('installing the libraries to compare with: npm ci in bench/')
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    })
  }
  const { resolve } = createRequire(join(folder, 'package.json'))
  return { load: async (name) => import(pathToFileURL(resolve(name)).href) }
}
