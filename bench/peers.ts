import { pathToFileURL } from 'node:url'
import { installApart } from '../scripts/install-apart.ts'
import type { Peers } from './report.ts'

/** The libraries we compare with: they have a lockfile of their own here, and are installed when first needed. */
export function installPeers(progress: (text: string) => void): Peers {
  const resolve = installApart(import.meta.dirname, () =>
    progress('installing the libraries to compare with: npm ci in bench/'),
  )
  return { load: async (name) => import(pathToFileURL(resolve(name)).href) }
}
