import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type HashEvent, type HashLoad, hashPurposes, hashRefusalReasons } from '../domain/hash-order.ts'
import type { Log } from '../domain/log.ts'
import { labelHeaders, problemResponse } from './node-listener.ts'

/** What operators watch, in the text format of Prometheus. Labels are routes and statuses: never an address, user or path. */
export type Metrics = {
  contentType: string
  render(): Promise<string>
  observe(request: AnsweredRequest): void
  observeHash(event: HashEvent): void
  /** A stream of revocations was opened, or ended. */
  observeStream(change: 1 | -1): void
}

type AnsweredRequest = { method: string; route: string; status: number; seconds: number }

type MetricsDeps = {
  /** Password hashes that wait or run. */
  hashLoad(): HashLoad
  /** Rows that were removed because they had expired, by their table. */
  removedRows(): Record<string, number>
  log: Log
}

export function createMetrics({ hashLoad, removedRows, log }: MetricsDeps): Metrics {
  const register = new Registry()
  const ofProcess = metricsOfProcess()
  new Counter({
    name: 'latchkey_expired_rows_removed_total',
    help: 'Rows that were removed because they had expired',
    labelNames: ['table'],
    registers: [register],
    collect() {
      this.reset()
      for (const [table, rows] of Object.entries(removedRows())) this.inc({ table }, rows)
    },
  })
  const streams = new Gauge({
    name: 'latchkey_revocation_streams',
    help: 'Streams of revocations that are open: one for each verifier that follows this server',
    registers: [register],
  })

  return {
    contentType: register.contentType,
    render: () => Registry.merge([ofProcess, register]).metrics(),
    observe: requestObserver(register),
    observeStream: (change) => streams.inc(change),
    observeHash: hashObserver(register, { hashLoad, log }),
  }
}

let known: Registry | undefined

/** Of memory, the event loop and the like. What watches them cannot be taken back, so one serves all servers of a process. */
function metricsOfProcess(): Registry {
  if (known) return known
  known = new Registry()
  collectDefaultMetrics({ register: known })
  return known
}

/** Each of so many costs a fraction of one that is counted between other work; nobody sees them before they are rendered. */
const countedAtOnce = 500

function requestObserver(register: Registry): (request: AnsweredRequest) => void {
  let answered: AnsweredRequest[] = []
  const requests = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Time from the request to its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [register],
    collect: count,
  })

  function count(): void {
    for (const { seconds, ...labels } of answered) requests.observe(labels, seconds)
    answered = []
  }

  return (request) => {
    if (answered.push(request) === countedAtOnce) count()
  }
}

/** From what a cheap hash takes to what the setting lets one wait. */
const hashSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8]

function hashObserver(
  register: Registry,
  { hashLoad, log }: Pick<MetricsDeps, 'hashLoad' | 'log'>,
): (event: HashEvent) => void {
  const registers = [register]
  const prefix = 'latchkey_password_hash'
  new Gauge({
    name: `${prefix}es_pending`,
    help: 'Password hashes that wait or run',
    registers,
    collect() {
      const { waiting, running } = hashLoad()
      this.set(waiting + running)
    },
  })
  new Gauge({
    name: `${prefix}es_waiting`,
    help: 'Password hashes that wait: the length of the queue',
    registers,
    collect() {
      this.set(hashLoad().waiting)
    },
  })
  const wait = new Histogram({
    name: `${prefix}_wait_seconds`,
    help: 'Time that password hashes waited before they were begun',
    labelNames: ['purpose'],
    buckets: hashSeconds,
    registers,
  })
  const duration = new Histogram({
    name: `${prefix}_duration_seconds`,
    help: 'Time that a thread took for a password hash',
    buckets: hashSeconds,
    registers,
  })
  const refused = new Counter({
    name: `${prefix}es_refused_total`,
    help: 'Password hashes that were refused',
    labelNames: ['reason'],
    registers,
  })
  // A line that appears with its first event hides that event from `rate()`.
  for (const purpose of hashPurposes) wait.zero({ purpose })
  for (const reason of hashRefusalReasons) refused.inc({ reason }, 0)
  const dropped = new Counter({
    name: `${prefix}es_dropped_total`,
    help: 'Password hashes that were not begun because their client had gone',
    registers,
  })
  const threadsLost = new Counter({
    name: `${prefix}_threads_lost_total`,
    help: 'Hash threads that ended in the middle of their work, and were replaced',
    registers,
  })

  return (event) => {
    if (event.kind === 'started') wait.observe({ purpose: event.purpose }, event.waitSeconds)
    else if (event.kind === 'computed') duration.observe(event.seconds)
    else if (event.kind === 'refused') refused.inc({ reason: event.reason })
    else if (event.kind === 'dropped') dropped.inc()
    else {
      threadsLost.inc()
      log.error({ error: event.error }, 'A hash thread was lost')
    }
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
