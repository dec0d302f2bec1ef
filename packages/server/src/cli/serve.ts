import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type Config, loadConfig } from '../config/load-config.ts'
import type { Log } from '../domain/log.ts'
import { metricsApp } from '../http/metrics.ts'
import { createNodeServer } from '../http/node-listener.ts'
import { assemble, type House } from './assemble.ts'
import { masterKeyPath } from './core.ts'
import { watchForDrain } from './drain.ts'
import { createLog } from './log.ts'

/**
 * Runs the server until SIGTERM or SIGINT: migrates, listens, and in the end answers what it has and leaves nothing open.
 * @throws {Error} where it cannot start
 */
export async function serve(given: Config): Promise<void> {
  const config = await withPort(given)
  const log = createLog(config.LOG_LEVEL)
  endOnSurprise(log)
  const house = assemble(config, { log })

  const drains: (() => Promise<void>)[] = []

  try {
    const migrated = await house.migrate()
    await house.assertReady()
    await house.revocations.catchUp()
    const dangers = await dangersOf(config, house)
    const askedToStop = untilAskedToStop()
    for (const door of doorsOf(config, house)) drains.push(await open(door, config.TRUSTED_PROXIES))

    for (const { message, ...details } of dangers) log.warn(details, message)
    house.expiry.start()
    announce(config, house, migrated)
    log.info({ url: listeningUrl(config), issuer: config.PUBLIC_URL, migrated }, 'Listening')
    await askedToStop
    log.info({}, 'Stopping')
  } finally {
    house.revocations.close()
    await Promise.all(drains.map((drain) => drain()))
    await house.close()
  }
  log.info({}, 'Stopped')
}

/** What nobody caught leaves the process in a state that nobody knows: it says so and ends, to be started again. */
function endOnSurprise(log: Log): void {
  process.on('uncaughtException', (error) => {
    log.error({ error }, 'Ending after an unexpected error')
    process.exit(1)
  })
}

/** The issuer must be known before anything listens, so a free port is looked for first. */
async function withPort(config: Config): Promise<Config> {
  if (config.PORT !== 0) return config
  const probe = createServer()
  await new Promise<void>((done, fail) => probe.once('error', fail).listen(0, config.HOST, done))
  const { port } = probe.address() as AddressInfo
  await new Promise((done) => probe.close(done))
  const usesDefault = config.PUBLIC_URL === loadConfig({ PORT: '0' }).PUBLIC_URL
  return { ...config, PORT: port, PUBLIC_URL: usesDefault ? `http://localhost:${port}` : config.PUBLIC_URL }
}

/** Where the server listens, and what answers there. */
type Door = { fetch: Parameters<typeof createNodeServer>[0]; host: string; port: number; named: string }

function doorsOf({ HOST, PORT, METRICS }: Config, { app, metrics }: House): Door[] {
  const front = {
    fetch: (request: Request, environment: object) => app.fetch(request, environment),
    host: HOST,
    port: PORT,
    named: `HOST ${HOST}, PORT ${PORT}`,
  }
  if (typeof METRICS === 'string') return [front]
  const { port } = METRICS
  return [front, { fetch: metricsApp(metrics), host: '127.0.0.1', port, named: `METRICS port:${port}` }]
}

/** Listens, and answers how to end that. */
async function open(
  { fetch, host, port, named }: Door,
  trustedProxies: readonly string[],
): Promise<() => Promise<void>> {
  const server = createNodeServer(fetch, { trustedProxies, ownsProcess: true })
  const drain = watchForDrain(server)
  await new Promise<void>((done, fail) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'EADDRINUSE' ? 'another program listens there' : cause.message
      fail(new Error(`Cannot listen on ${named}: ${reason}`, { cause }))
    })
    server.listen(port, host, done)
  })
  return drain
}

/** What the server does as it is told, and better were not. */
async function dangersOf(config: Config, { address, lostTimeouts }: House): Promise<Danger[]> {
  const { named: database, isExposed, isUnverified } = address
  const settings = await lostTimeouts()
  const all: (Danger | false)[] = [
    isExposed && { database, message: 'Password hashes cross the network to the database without TLS' },
    isUnverified && {
      database,
      message:
        'The certificate of the database is not checked: whoever sits between can read all. Use sslmode=verify-full',
    },
    settings.length > 0 && {
      database,
      settings,
      message: 'Time-outs do not reach the database, as a pooler drops them: set them on its role',
    },
    listensInClear(config) && {
      host: config.HOST,
      message: 'Listening for other machines without TLS: put a proxy with TLS before it',
    },
  ]
  return all.filter((danger) => danger !== false)
}

type Danger = { message: string; [detail: string]: unknown }

/** Passwords would cross the network in clear, unless something before this server speaks TLS and is said to. */
function listensInClear({ HOST, TRUSTED_PROXIES }: Config): boolean {
  const isLoopback = HOST === 'localhost' || HOST === '::1' || HOST.startsWith('127.')
  return !isLoopback && TRUSTED_PROXIES.length === 0
}

function listeningUrl({ HOST, PORT }: Config): string {
  return `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${PORT}`
}

/** For the person at the terminal; the log has its own line. */
function announce(config: Config, house: House, migrated: string[]): void {
  const url = listeningUrl(config)
  const isNewDatabase = migrated.includes(house.migrations.first)
  const keyPath = masterKeyPath(config)
  const madeKey = config.JWT_SECRET === undefined && !config.MASTER_KEY && house.masterKey().isNew
  const lines = [
    `Latchkey listens on ${url}`,
    ...(config.DOCS === 'on' ? [`  API reference  ${url}/docs`] : []),
    `  Issuer         ${config.PUBLIC_URL} (${config.JWT_SECRET === undefined ? config.JWT_ALGORITHM : 'HS256, shared secret'})`,
    `  Database       ${house.address.named}${isNewDatabase ? ' (made now)' : migrated.length > 0 ? ' (migrated now)' : ''}`,
    ...(madeKey ? [`  Master key     ${keyPath} (made now: back it up apart from the database)`] : []),
  ]
  process.stderr.write(`${lines.join('\n')}\n`)
}

/** The handlers stay: a second signal, as Ctrl-C sends one to a launcher that forwards it, must not cut the end short. */
function untilAskedToStop(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => done())
  })
}
