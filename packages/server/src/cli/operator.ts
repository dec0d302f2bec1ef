import { newId } from '../crypto/secrets.ts'
import type { Origin } from '../domain/origin.ts'

/** Deeds at the command line have no address: they are told apart in the audit log by this one. */
export function operator(): Origin {
  return { address: 'local', network: 'local', userAgent: 'latchkey command line', requestId: newId() }
}
