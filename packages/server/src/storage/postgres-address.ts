import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ClientConfig } from 'pg'

type TlsOptions = Exclude<ClientConfig['ssl'], boolean | undefined>

/** Where a Postgres is, who asks it, and how the way there is protected. */
export type PostgresAddress = {
  host: string
  port: number
  user: string | undefined
  password: string | undefined
  database: string | undefined
  /** Settings for the server's session, such as `-c search_path=auth`. */
  options: string | undefined
  tls: TlsOptions | false
  /** The address as it may be shown and logged: without the password. */
  named: string
  /** The way to another machine is open to whoever is on it. */
  isExposed: boolean
  /** The way to another machine is closed, but whoever sits between may pose as the server: its certificate is not checked. */
  isUnverified: boolean
}

const knownParameters = ['host', 'sslmode', 'sslrootcert', 'options']

/**
 * Reads a connection URL as libpq understands one
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS), of its parameters `host` (a folder:
 * the socket in it), `options`, `sslmode` and `sslrootcert`.
 *
 * Stricter than libpq where that would trust anyone: without `sslmode` another machine must show a valid certificate
 * (`verify-full`), and `prefer` and `allow`, which give in to whoever sits between, are refused.
 *
 * @throws {Error} that names what is wrong, without the password
 */
export function readPostgresAddress(text: string): PostgresAddress {
  const url = new URL(text)
  const named = nameOf(url)
  const unknown = [...url.searchParams.keys()].filter((name) => !knownParameters.includes(name))
  if (unknown.length > 0) {
    throw unusable(named, `it has ${unknown.join(', ')}, of which only ${knownParameters.join(', ')} are known`)
  }

  const host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '') || url.searchParams.get('host') || 'localhost'
  const isHere = host.startsWith('/') || host === 'localhost' || host === '::1' || /^127\./.test(host)
  const tls = readTls(url, { host, isHere, named })
  return {
    host,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    database: decodeURIComponent(url.pathname.slice(1)) || undefined,
    options: url.searchParams.get('options') ?? undefined,
    tls,
    named,
    isExposed: !isHere && !tls,
    isUnverified: !isHere && tls !== false && tls.rejectUnauthorized === false,
  }
}

function nameOf({ username, host, pathname }: URL): string {
  return `postgres://${username}${username && '@'}${host}${pathname}`
}

function readTls(
  url: URL,
  { host, isHere, named }: { host: string; isHere: boolean; named: string },
): TlsOptions | false {
  const mode = url.searchParams.get('sslmode') ?? (isHere ? 'disable' : 'verify-full')
  const isVerified = mode === 'verify-ca' || mode === 'verify-full'
  if (mode === 'disable') return false
  if (mode !== 'require' && !isVerified) {
    throw unusable(named, `sslmode must be disable, require, verify-ca or verify-full: it is ${JSON.stringify(mode)}`)
  }

  const path = url.searchParams.get('sslrootcert')
  return {
    rejectUnauthorized: isVerified,
    ...(path === null ? {} : { ca: readCertificates(path, named) }),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(isIP(host) ? {} : { servername: host }),
  }
}

function readCertificates(path: string, named: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw unusable(named, `sslrootcert cannot be read: ${(cause as Error).message}`)
  }
}

function unusable(named: string, reason: string): Error {
  return new Error(`Cannot use DATABASE_URL "${named}": ${reason}`)
}
