import { execFile } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { readOrMakeMasterKey } from './master-key.ts'

const run = promisify(execFile)
const known = Buffer.alloc(32, 7)

test('readOrMakeMasterKey() makes a key that its owner alone may read, and leaves nothing else behind', () => {
  const folder = testFolder()

  const made = readOrMakeMasterKey(join(folder, 'master.key'))

  expect(made).toEqual({ bytes: expect.any(Uint8Array), isNew: true })
  expect(made.bytes).toHaveLength(32)
  expect(statSync(join(folder, 'master.key')).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder)).toEqual(['master.key'])
})

test('readOrMakeMasterKey() makes the file private whatever the umask allows', () => {
  const path = join(testFolder(), 'master.key')
  const umask = process.umask(0)
  onTestFinished(() => void process.umask(umask))

  readOrMakeMasterKey(path)

  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('readOrMakeMasterKey() lets the owner read the file whatever the umask forbids', () => {
  const path = join(testFolder(), 'master.key')
  const umask = process.umask(0o777)
  onTestFinished(() => void process.umask(umask))

  readOrMakeMasterKey(path)

  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('readOrMakeMasterKey() leaves no file open', () => {
  const folder = testFolder()
  const nextFile = () => {
    const file = openSync(folder, 'r')
    closeSync(file)
    return file
  }
  const before = nextFile()

  readOrMakeMasterKey(join(folder, 'master.key'))

  expect(nextFile()).toBe(before)
})

test('readOrMakeMasterKey() reads the key that it made before', () => {
  const path = join(testFolder(), 'master.key')
  const made = readOrMakeMasterKey(path)

  const read = readOrMakeMasterKey(path)

  expect(read.isNew).toBe(false)
  expect(Buffer.from(read.bytes).equals(made.bytes)).toBe(true)
})

test('readOrMakeMasterKey() makes another key for each installation', () => {
  const [one, other] = [testFolder(), testFolder()].map((folder) => readOrMakeMasterKey(join(folder, 'master.key')))

  const isSame = Buffer.from(one?.bytes ?? []).equals(other?.bytes ?? Buffer.alloc(0))

  expect(isSame).toBe(false)
})

test.each([
  ['with a newline at the end', `${known.toString('base64')}\n`],
  ['with Windows line ends', `${known.toString('base64')}\r\n`],
  ['without a newline', known.toString('base64')],
  ['without padding', known.toString('base64').replace('=', '')],
])('readOrMakeMasterKey() reads 32 bytes in base64 %s', (_how, content) => {
  const path = fileHolding(content)

  const read = readOrMakeMasterKey(path)

  expect(Buffer.from(read.bytes).equals(known)).toBe(true)
})

test.each(['640', '604', '660', '644', '620', '601', '777'])(
  'readOrMakeMasterKey() refuses a key file of mode %s, and says what mends it [ASVS 13.3.2]',
  (mode) => {
    const path = fileHolding(`${known.toString('base64')}\n`)
    chmodSync(path, Number.parseInt(mode, 8))

    const reading = () => readOrMakeMasterKey(path)

    expect(reading).toThrow(`Cannot use the master key "${path}": others may read it (chmod 600 mends that)`)
  },
)

test.each([
  ['nothing', ''],
  ['a newline', '\n'],
  ['31 bytes', Buffer.alloc(31, 7).toString('base64')],
  ['33 bytes', Buffer.alloc(33, 7).toString('base64')],
  ['32 bytes in hexadecimal', known.toString('hex')],
  ['half a key', known.toString('base64').slice(0, 22)],
  ['two keys', `${known.toString('base64')}\n${known.toString('base64')}\n`],
  ['a key among other characters', `!!${known.toString('base64')}`],
  ['a key and a remark', `${known.toString('base64')} # my key`],
  ['a key broken over two lines', `${known.toString('base64').slice(0, 20)}\n${known.toString('base64').slice(20)}`],
  ['binary', known.toString('latin1')],
])('readOrMakeMasterKey() refuses a file that holds %s, and shows nothing of it', (_what, content) => {
  const path = fileHolding(content)

  const reading = () => readOrMakeMasterKey(path)

  expect(reading).toThrow(
    expect.objectContaining({ message: `Cannot use the master key "${path}": it does not hold 32 bytes in base64` }),
  )
  expect(readFileSync(path, 'utf8')).toBe(content)
})

test('readOrMakeMasterKey() gives four processes that start at once the same keys, of which one made each', async () => {
  const folder = testFolder()
  const program = `
    import { readOrMakeMasterKey } from ${JSON.stringify(new URL('./master-key.ts', import.meta.url).href)}
    const keys = Array.from({ length: 50 }, (_, at) => readOrMakeMasterKey(${JSON.stringify(folder)} + '/' + at))
    console.log(JSON.stringify(keys.map(({ bytes, isNew }) => [Buffer.from(bytes).toString('hex'), isNew])))`

  const outputs = await Promise.all(
    Array.from({ length: 4 }, () => run(process.execPath, ['--input-type=module', '--eval', program])),
  )

  const processes = outputs.map(({ stdout }): [string, boolean][] => JSON.parse(stdout))
  const byFile = Array.from({ length: 50 }, (_, file) => processes.map((keys) => keys[file]))
  expect(byFile.map((keys) => new Set(keys.map((key) => key?.[0])).size)).toEqual(byFile.map(() => 1))
  expect(byFile.map((keys) => keys.filter((key) => key?.[1]).length)).toEqual(byFile.map(() => 1))
  expect(readdirSync(folder)).toHaveLength(50)
}, 60_000)

test('readOrMakeMasterKey() throws where the folder is missing, and makes none', () => {
  const folder = join(testFolder(), 'missing')

  const making = () => readOrMakeMasterKey(join(folder, 'master.key'))

  expect(making).toThrow('missing')
  expect(statSync(folder, { throwIfNoEntry: false })).toBeUndefined()
})

test('readOrMakeMasterKey() says why a key cannot be kept where something else stands, and leaves nothing behind', () => {
  const folder = testFolder()
  const path = join(folder, 'master.key')
  symlinkSync(join(folder, 'nowhere'), path)

  const making = () => readOrMakeMasterKey(path)

  expect(making).toThrow(
    expect.objectContaining({
      message: `Cannot keep the master key in "${path}"`,
      cause: expect.objectContaining({ code: 'EEXIST' }),
    }),
  )
  expect(readdirSync(folder)).toEqual(['master.key'])
})

function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

function fileHolding(content: string): string {
  const path = join(testFolder(), 'master.key')
  writeFileSync(path, content, { mode: 0o600 })
  return path
}
