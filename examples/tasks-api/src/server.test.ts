import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { createTaskServer } from './server.ts'

/** Sends bytes as they are, and answers all that came back until the server closed. */
async function exchange(bytes: string): Promise<string> {
  const server = createTaskServer(() => new Response('served')).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
  })
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(bytes)
  return text(socket)
}

test.each([
  ['noise', 'nonsense\r\n\r\n', 400, 'VALIDATION_ERROR'],
  ['no Host header', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'VALIDATION_ERROR'],
  ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n', 400, 'VALIDATION_ERROR'],
  ['20 KB of headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
])('createTaskServer() refuses %s in the one error shape', async (_, bytes, status, code) => {
  const answer = await exchange(bytes)

  const [head = '', body = ''] = answer.split('\r\n\r\n')
  const requestId = /^x-request-id: (.+)$/im.exec(head)?.[1]
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(body)).toEqual({
    error: { code, message: expect.any(String), details: null },
    meta: { timestamp: expect.any(String), request_id: requestId },
  })
})
