import type { Finding, Part } from './report.ts'
import { betterAuth, latchkey, startPair } from './rivals.ts'
import { type HashingSize, measureOverload, measureStorm, measureThroughput } from './rivals-hashing.ts'
import {
  measureCheck,
  measureLogin,
  measureMemory,
  measureRefusals,
  measureStart,
  measureWrites,
  type RequestsSize,
} from './rivals-requests.ts'

/** A whole server beside another product's, on the same work. */
export const peers: Part = {
  name: 'peers',
  title: 'Latchkey and Better Auth, the same work in turns',

  async measure({ isSmoke, isShort, many = 1_000_000, peers, progress }) {
    const requests: RequestsSize = isSmoke
      ? { rounds: 1, requests: 50, writes: 20, many: 200, progress }
      : isShort
        ? { rounds: 3, requests: 2_000, writes: 500, many: 20_000, progress }
        : { rounds: 7, requests: 10_000, writes: 1_500, many, progress }
    const hashing: HashingSize = isSmoke
      ? { rounds: 1, cost: 4, hashes: 20, stormSeconds: 0.3, overloadSeconds: 0.3, progress }
      : isShort
        ? { rounds: 2, cost: 12, hashes: 24, stormSeconds: 4, overloadSeconds: 5, progress }
        : { rounds: 5, cost: 12, hashes: 48, stormSeconds: 5, overloadSeconds: 8, progress }
    const { cost } = hashing
    const rivals = peers ? [latchkey, betterAuth] : [latchkey]
    const findings: Finding[] = []

    {
      await using pair = await startPair(rivals, { hashes: 'none', limits: false, cost })
      findings.push(...measureStart(pair))
      findings.push(...(await measureLogin(pair, requests)))
      findings.push(...(await measureCheck(pair, requests)))
      findings.push(...(await measureWrites(pair, requests)))
      findings.push(...(await measureMemory(pair, requests)))
    }
    {
      await using pair = await startPair(rivals, { hashes: 'none', limits: true, cost })
      findings.push(...(await measureRefusals(pair, requests)))
    }
    {
      await using pair = await startPair(rivals, { hashes: 'real', limits: false, isPatient: true, cost })
      findings.push(...(await measureThroughput(pair, hashing)))
    }
    await using pair = await startPair(rivals, { hashes: 'real', limits: false, cost })
    findings.push(...(await measureStorm(pair, hashing)))
    findings.push(...(await measureOverload(pair, hashing)))
    return findings
  },
}
