import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { labelHeaders, problemResponse } from './node-listener.ts'

/** What operators watch, in the text format of Prometheus. Labels are routes and statuses: never an address, user or path. */
export type Metrics = {
  contentType: string
  render(): Promise<string>
  observe(request: { method: string; route: string; status: number; seconds: number }): void
}

type Readings = {
  /** Password hashes that wait or run. */
  hashLoad(): number
}

export function createMetrics({ hashLoad }: Readings): Metrics {
  const register = new Registry()
  collectDefaultMetrics({ register })
  const requests = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Time from the request to its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [register],
  })
  new Gauge({
    name: 'latchkey_password_hashes_pending',
    help: 'Password hashes that wait or run',
    registers: [register],
    collect() {
      this.set(hashLoad())
    },
  })

  return {
    contentType: register.contentType,
    render: () => register.metrics(),
    observe: ({ method, route, status, seconds }) => requests.observe({ method, route, status }, seconds),
  }
}

/** The metrics and nothing else, for a port of their own. */
export function metricsApp({ render, contentType }: Metrics): (request: Request) => Promise<Response> {
  return async ({ url, method }) => {
    if (new URL(url).pathname !== '/metrics') return problemResponse('NOT_FOUND')
    if (method !== 'GET' && method !== 'HEAD') return problemResponse('METHOD_NOT_ALLOWED', { allow: 'GET, HEAD' })
    return new Response(await render(), { headers: { ...labelHeaders(), 'content-type': contentType } })
  }
}
