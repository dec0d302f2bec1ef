/** Builds the packages as they are published: each from its tsconfig.build.json into its dist folder. */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const compiler = join(root, 'node_modules/typescript-7/bin/tsc')

/** In this order: the server is compiled against the declarations of verify, not against its sources. */
const packages = ['verify', 'server']

/** What the programs read at run time besides code. */
const dataFiles = ['domain/common-passwords/*.txt', '**/assets/**/*.*']

for (const name of packages) {
  const folder = join(root, 'packages', name)
  const [sources, dist] = [join(folder, 'src'), join(folder, 'dist')]
  rmSync(dist, { recursive: true, force: true })
  const parameters = [compiler, '-p', join(folder, 'tsconfig.build.json')]
  const { status } = spawnSync(process.execPath, parameters, { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
  for (const file of globSync(dataFiles, { cwd: sources })) cpSync(join(sources, file), join(dist, file))
  console.log(`Built packages/${name}/dist`)
}
