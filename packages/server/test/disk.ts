import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './database-file.ts'

/** Says whether this process may mount file systems: only a real one is ever really full. */
export function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-mount-'))
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'none', folder]).status === 0
  if (isMounted) execFileSync('umount', [folder])
  rmSync(folder, { recursive: true })
  return isMounted
}

/** A small disk of the test's own, in memory: it can be full, or only be read. */
export function smallDisk(megabytes: number) {
  const folder = join(temporaryFolder(), 'disk')
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'none', folder])
  onTestFinished(() => void execFileSync('umount', ['--lazy', folder]))
  const ballast = join(folder, 'ballast')

  return {
    folder,
    /** Takes all the room that is left. */
    fill: () => {
      writeFileSync(ballast, '')
      spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096'])
      if (statSync(ballast).size === 0) throw new Error('Cannot fill the disk: it was full before')
    },
    makeRoom: () => truncateSync(ballast),
    makeReadOnly: () => execFileSync('mount', ['-o', 'remount,ro', folder]),
  }
}
