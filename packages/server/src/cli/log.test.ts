import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

const fields = {
  text: 'a "quoted"\n\u2028\ud800 line',
  number: 0.000123,
  none: null,
  list: [1, { a: 'b' }],
  at: 1e21,
}

test('createLog() writes a line of info as any other, with the same fields in the same order', async () => {
  const lines = await linesOf(
    'info',
    `for (const level of ['info', 'warn']) log[level]({ ...fields, missing: undefined }, 'Say "it"')`,
  )

  const [info = '', warn = ''] = lines
  expect(lines).toHaveLength(2)
  expect(timeless(info)).toBe(timeless(warn).replace('{"level":"warn"', '{"level":"info"'))
  expect(JSON.parse(info)).toEqual({ level: 'info', time: expect.any(String), ...fields, msg: 'Say "it"' })
  expect(new Date(JSON.parse(info).time).toISOString()).toBe(JSON.parse(info).time)
})

test('createLog() writes a line without fields', async () => {
  const [line = ''] = await linesOf('info', `log.info({}, 'Stopping')`)

  expect(timeless(line)).toBe('{"level":"info","msg":"Stopping"}')
})

test('createLog() writes errors with their cause, on every level', async () => {
  const lines = await linesOf(
    'debug',
    `const error = new Error('outer', { cause: new Error('inner') })
     for (const level of ['debug', 'info', 'warn', 'error']) log[level]({ error }, 'Failed')`,
  )

  const read = lines.map((line) => JSON.parse(line))
  expect(read.map(({ level }) => level)).toEqual(['debug', 'info', 'warn', 'error'])
  for (const { error } of read) {
    expect(error).toMatchObject({ message: 'outer', stack: expect.any(String), cause: { message: 'inner' } })
  }
})

test('createLog() leaves out what is below its level', async () => {
  const lines = await linesOf('warn', `for (const level of ['debug', 'info', 'warn']) log[level]({}, level)`)

  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['warn'])
})

/** What a process writes on standard output that runs this. */
async function linesOf(level: string, program: string): Promise<string[]> {
  const source = `
    import { createLog } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))}
    const log = createLog('${level}')
    const fields = ${JSON.stringify(fields)}
    ${program}`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', source])
  return stdout.trim().split('\n')
}

function timeless(line: string): string {
  return line.replace(/,"time":"[^"]+"/, '')
}
