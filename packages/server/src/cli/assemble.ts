import type { Config } from '../config/load-config.ts'
import { newId } from '../crypto/secrets.ts'
import { keySetMaxAgeSeconds } from '../flows/keep-keys.ts'
import { statusListTtlSeconds } from '../flows/publish-status-lists.ts'
import { createApp } from '../http/app.ts'
import { createMetrics } from '../http/metrics.ts'
import { assembleCore, type Surroundings } from './core.ts'

/** The whole house, put together. */
export type House = ReturnType<typeof assemble>

/**
 * Puts the house together by a configuration, with its front. Nothing is opened, made or connected before it is first
 * needed, but for the block list, which is read here.
 *
 * @throws {Error} where the block list cannot be read
 */
export function assemble(config: Config, surroundings: Surroundings) {
  const { log, now = Date.now } = surroundings
  const core = assembleCore(config, { ...surroundings, observeHash: (event) => metrics.observeHash(event) })
  const { expiry, hashes } = core
  const metrics = createMetrics({ removedRows: expiry.removedRows, hashLoad: hashes.load, log })
  const app = createApp({
    ...core,
    metrics,
    log,
    now,
    newId,
    settings: {
      publicUrl: config.PUBLIC_URL,
      corsOrigins: config.CORS_ORIGINS,
      trustedProxies: config.TRUSTED_PROXIES,
      keySetMaxAgeSeconds,
      publishesKeys: config.JWT_SECRET === undefined,
      statusListTtlSeconds,
      revocationStream: config.REVOCATION_STREAM,
      servesDocs: config.DOCS === 'on',
      servesMetrics: servesMetrics(config),
    },
  })
  const paths = new Set(app.routes.map(({ path }) => path))

  return {
    ...core,
    app,
    metrics,
    /** Says whether a path is one of this product's. All below `/api/auth/` is, also what nobody has heard of. */
    handles: (path: string) =>
      path.startsWith('/api/auth/') || path.startsWith('/.well-known/status-lists/') || paths.has(path),
  }
}

/** `auto` shows metrics where nobody but this machine can ask. */
function servesMetrics({ METRICS, HOST }: Config): boolean {
  if (METRICS === 'auto') return HOST === 'localhost' || HOST === '::1' || /^127\./.test(HOST)
  return METRICS === 'public'
}
