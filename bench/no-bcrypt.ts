/** Stands in for `@node-rs/bcrypt` where the cost of everything but the hash is measured: every password matches. */
export function hashSync(_: Uint8Array, { cost }: { cost: number }): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`
}

export function verifySync(): boolean {
  return true
}
