import type { RequestListener } from 'node:http'
import { Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { httpRequest, keepAliveAgent } from './http-request.ts'
import { deadAddress, serve } from './testing/server.ts'

const endings: (() => unknown)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function ask(url: string, changes: { isAwaited?: boolean } = {}) {
  const agent = keepAliveAgent(url, 1)
  endings.push(() => agent.destroy())
  return httpRequest(url, { agent, headers: {}, timeoutMilliseconds: 5_000, maxBytes: 100, ...changes })
}

async function open(answer: RequestListener): Promise<string> {
  const server = await serve(answer)
  endings.push(server.close)
  return server.url
}

test.each(['http', 'https'])('httpRequest() asks by %s, and says when nobody listens', async (scheme) => {
  const { port } = await deadAddress()

  await expect(ask(`${scheme}://127.0.0.1:${port}`)).rejects.toThrow('ECONNREFUSED')
})

test('httpRequest() gives no answer that was cut', async () => {
  const url = await open((_, response) => response.write('{}', () => response.destroy()))

  await expect(ask(url)).rejects.toThrow('aborted')
})

test.each([
  ['keeps the process alive where somebody waits', { isAwaited: true }, true],
  ['does not keep the process alive', { isAwaited: false }, false],
  ['does not keep the process alive unless it is told to', {}, false],
])('httpRequest() %s', async (_, changes, keepsAlive) => {
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const released = vi.spyOn(Socket.prototype, 'unref')
  const observed: boolean[] = []
  const url = await open((_, response) => {
    observed.push(timers.mock.results[0]?.value.hasRef(), released.mock.calls.length === 0)
    response.end()
  })

  await ask(url, changes)

  expect(observed).toEqual([keepsAlive, keepsAlive])
})

test('httpRequest() leaves no timer behind', async () => {
  const url = await open((_, response) => response.end('x'))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  endings.push(() => vi.useRealTimers())

  const answer = await ask(url)
  await new Promise(setImmediate)

  expect(answer).toMatchObject({ status: 200, body: Buffer.from('x') })
  expect(vi.getTimerCount()).toBe(0)
})
