import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * Installs what a folder's own lockfile names, when it is first needed: tools and rivals that nobody else should have to
 * download. No install script is run.
 *
 * @returns where the folder finds what it imports
 */
export function installApart(folder: string, tellStart: () => void): NodeJS.RequireResolve {
  if (!existsSync(join(folder, 'node_modules', '.package-lock.json'))) {
    tellStart()
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: process.platform === 'win32',
    })
  }
  return createRequire(join(folder, 'package.json')).resolve
}
