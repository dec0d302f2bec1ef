import { expect, test, vi } from 'vitest'
import { createMetrics } from './metrics.ts'

test.each([1, 499, 500, 501, 1001])(
  'createMetrics() counts %i requests, each once, however often it is asked',
  async (many) => {
    const { observe, render } = testMetrics()
    const request = { method: 'GET', route: '/healthz', status: 200, seconds: 0.25 }

    for (let sent = 0; sent < many; sent += 1) observe(request)
    const texts = [await render(), await render()]

    const labels = '{method="GET",route="/healthz",status="200"}'
    for (const text of texts) {
      expect(text).toContain(`latchkey_http_request_duration_seconds_count${labels} ${many}\n`)
      expect(text).toContain(`latchkey_http_request_duration_seconds_sum${labels} ${many / 4}\n`)
    }
  },
)

function testMetrics() {
  return createMetrics({
    hashLoad: () => ({ waiting: 0, running: 0 }),
    removedRows: () => ({}),
    log: { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() },
  })
}
