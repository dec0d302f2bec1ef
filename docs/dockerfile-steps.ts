import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** One instruction of a Dockerfile, its continued lines joined. */
export type Instruction = { name: string; rest: string }

export function readInstructions(dockerfile: string): Instruction[] {
  return dockerfile
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
      return { name, rest }
    })
}

/** Says of a path of the build context whether `.dockerignore` keeps it out: of the patterns that match, the last counts. */
export function ignoredBy(dockerignore: string): (path: string) => boolean {
  const patterns = dockerignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const matches = (path: string, pattern: string): boolean =>
    asRegExp(pattern).test(path) || (path.includes('/') && matches(dirname(path), pattern))
  return (path) => {
    const last = patterns.findLast((pattern) => matches(path, pattern.replace(/^!/, '')))
    return last !== undefined && !last.startsWith('!')
  }
}

/** A star stands for names that begin with a dot too, unlike in a shell. */
function asRegExp(pattern: string): RegExp {
  const parts = pattern.split(/(\*\*\/|\*)/).map((part) => {
    if (part === '**/') return '(.*/)?'
    return part === '*' ? '[^/]*' : part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
  })
  return new RegExp(`^${parts.join('')}$`)
}

/** Copies what `.dockerignore` lets through. */
export function copyContext(from: string, to: string, dockerignore: string): void {
  const isIgnored = ignoredBy(dockerignore)
  const exceptions = dockerignore.split('\n').filter((line) => line.startsWith('!'))
  const mayHold = (folder: string) => exceptions.some((exception) => exception.startsWith(`!${folder}/`))
  const copy = (path: string) => {
    const isFolder = statSync(join(from, path)).isDirectory()
    if (isFolder && (!isIgnored(path) || mayHold(path))) {
      for (const name of readdirSync(join(from, path))) copy(path === '' ? name : `${path}/${name}`)
    }
    if (isFolder || isIgnored(path)) return
    mkdirSync(dirname(join(to, path)), { recursive: true })
    cpSync(join(from, path), join(to, path))
  }
  for (const name of readdirSync(from)) copy(name)
}

/** What a Dockerfile says of how its last stage is run. */
export type Image = {
  root: string
  workdir: string
  env: Record<string, string>
  user: string
  volumes: string[]
  entrypoint: string[]
  command: string[]
  health: string[]
}

type Plan = {
  dockerfile: string
  context: string
  /** An empty folder: each stage gets one in it. */
  folder: string
  /** Folders of this machine that stand in for what a RUN would have made, by that RUN. */
  standIns: Record<string, { from: string; at: string }>
}

/**
 * Carries out the steps of a Dockerfile without a container engine: each stage in a root of its own, made of this
 * machine's programs, of which only the stage's own files can be written. Does NOT look at the base image.
 */
export function buildImage({ dockerfile, context, folder, standIns }: Plan): Image {
  const stages = new Map<string, Image>()
  const mounts: Mount[] = []
  let image = emptyImage('')
  for (const { name, rest } of readInstructions(dockerfile)) {
    if (name === 'FROM') {
      const stage = / AS (\S+)$/.exec(rest)?.[1] ?? 'last'
      image = emptyImage(join(folder, stage))
      mkdirSync(image.root)
      stages.set(stage, image)
      mounts.length = 0
    } else if (name === 'WORKDIR') {
      image.workdir = rest
      mkdirSync(join(image.root, rest), { recursive: true })
    } else if (name === 'ENV') {
      for (const pair of rest.split(' ')) Object.assign(image.env, Object.fromEntries([pair.split('=')]))
    } else if (name === 'COPY') {
      copyInto(image, rest, { context, stages })
    } else if (name === 'RUN') {
      const standIn = standIns[rest]
      if (standIn) mounts.push({ ...standIn, at: join(image.workdir, standIn.at) })
      else runInside(image, ['bash', '-ec', rest], { user: 'root', mounts })
    } else if (name === 'USER') image.user = rest
    else if (name === 'VOLUME') image.volumes.push(rest)
    else if (name === 'ENTRYPOINT') image.entrypoint = JSON.parse(rest)
    else if (name === 'CMD') image.command = JSON.parse(rest)
    else if (name === 'HEALTHCHECK') image.health = JSON.parse(rest.slice(rest.indexOf('[')))
    else if (name !== 'EXPOSE') throw new Error(`Cannot carry out ${name}`)
  }
  return image
}

function emptyImage(root: string): Image {
  return { root, workdir: '/', env: {}, user: 'root', volumes: [], entrypoint: [], command: [], health: [] }
}

function copyInto(image: Image, rest: string, from: { context: string; stages: Map<string, Image> }): void {
  const [, stage, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(rest) ?? []
  const words = paths.split(' ')
  const target = words.pop() ?? ''
  const source = stage === undefined ? from.context : (from.stages.get(stage)?.root ?? '')
  for (const word of words) {
    const at = join(source, word)
    const isFolder = statSync(at).isDirectory()
    const to = join(
      image.root,
      resolve(image.workdir, target),
      isFolder || !target.endsWith('/') ? '' : (word.split('/').at(-1) ?? ''),
    )
    mkdirSync(dirname(to), { recursive: true })
    cpSync(at, to, { recursive: true, verbatimSymlinks: true, filter: (path) => !isOfTheMachine(source, path) })
  }
}

/** Where the machine's own programs are laid into a root. */
const machineFolders = ['usr', 'etc', 'proc', 'dev', 'bin', 'lib', 'lib64', '.node', '.npm']
const isOfTheMachine = (root: string, path: string) => machineFolders.some((name) => path === join(root, name))

type Mount = { from: string; at: string }
type Surroundings = { user: string; mounts?: Mount[]; isReadOnly?: boolean; env?: Record<string, string> }

/** Numbers of the users that the base image has. */
const userNumbers: Record<string, string> = { root: '0:0', node: '1000:1000' }

/** The command line by which something is run inside a root. */
function commandInside(
  { root, workdir, env }: Image,
  words: string[],
  { user, mounts = [], isReadOnly = false, env: more = {} }: Surroundings,
): [string, string[]] {
  const quote = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`
  const npm = isReadOnly
    ? []
    : ['npm_config_prefer_offline=true', 'npm_config_cache=/.npm/cache', 'npm_config_userconfig=/.npm/settings']
  const variables = Object.entries({ PATH: '/.node:/usr/bin:/bin', HOME: '/', ...env, ...more })
  const lines = [
    'set -e',
    `cd ${quote(root)}`,
    'mkdir -p usr etc proc dev .node .npm/cache',
    'touch .npm/settings',
    'for file in passwd group; do grep -v ^node: /etc/$file > .npm/$file; done',
    'echo node:x:1000:1000::/:/bin/sh >> .npm/passwd; echo node:x:1000: >> .npm/group',
    'for link in bin lib lib64; do test -e $link || cp -P /$link $link; done',
    ...mounts.map(({ at }) => `mkdir -p .${quote(at)}`),
    `mount --bind ${quote(root)} ${quote(root)}`,
    `cd ${quote(root)}`,
    'for folder in usr etc; do mount --bind -o ro /$folder $folder; done',
    'for file in passwd group; do mount --bind .npm/$file etc/$file; done',
    'mount --rbind /proc proc',
    'mount --rbind /dev dev',
    `mount --bind -o ro ${quote(dirname(process.execPath))} .node`,
    ...(isReadOnly
      ? []
      : [
          `mkdir -p ${quote(join(homedir(), '.npm'))}`,
          `mount --bind ${quote(join(homedir(), '.npm'))} .npm/cache`,
          `test ! -e ${quote(join(homedir(), '.npmrc'))} || mount --bind ${quote(join(homedir(), '.npmrc'))} .npm/settings`,
        ]),
    ...mounts.map(({ from, at }) => `mount --bind ${quote(from)} .${quote(at)}`),
    ...(isReadOnly ? [`mount -o remount,bind,ro ${quote(root)}`] : []),
    [
      'exec setpriv --no-new-privs chroot',
      `--userspec=${userNumbers[user]}`,
      quote(root),
      '/usr/bin/env -i -C',
      workdir,
    ]
      .concat([...npm, ...variables.map(([name, value]) => `${name}=${value}`)].map(quote))
      .concat(words.map(quote))
      .join(' '),
  ]
  return ['unshare', ['--mount', 'bash', '-c', lines.join('\n')]]
}

function runInside(image: Image, words: string[], surroundings: Surroundings): void {
  const [file, parameters] = commandInside(image, words, surroundings)
  execFileSync(file, parameters, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** Starts the image as an engine would with `--read-only`: its own files cannot be written, its volumes can. */
export function startImage(
  image: Image,
  { words, volume, env }: { words: string[]; volume: string; env: Record<string, string> },
) {
  chmodSync(dirname(image.root), 0o755)
  const mounts = image.volumes.map((at) => ({ from: volume, at }))
  const [file, parameters] = commandInside(image, words, { user: image.user, mounts, isReadOnly: true, env })
  return spawn(file, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Whether this machine lets roots be made: needs root, or the like, and Linux. */
export function canMakeRoots(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'setpriv', '--no-new-privs', 'chroot', '--userspec=1000:1000', '/', 'true'], {
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}
