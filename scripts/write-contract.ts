/**
 * Writes what the code says of itself into files that people and other programs read:
 *
 *   contracts/auth.yaml    the HTTP contract, OpenAPI 3.1, made from the schemas that check the requests
 *   .env.example           every setting with its default
 *
 * A test compares both with the code: run `npm run contract` when it fails.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { envExample } from '../packages/server/src/config/env-example.ts'
import { endpointsOf } from '../packages/server/src/http/app.ts'
import { contractOf } from '../packages/server/src/http/contract.ts'

const head = '# Made by `npm run contract` from the schemas in packages/server/src/http: do not edit by hand.\n'

/** The text of contracts/auth.yaml: every endpoint that a server can have, `/metrics` too. */
function contractText(): string {
  const contract = contractOf(endpointsOf({ servesMetrics: true }), 'http://localhost:8000')
  return head + stringify(contract, { lineWidth: 120, aliasDuplicateObjects: false })
}

/** Every file that this script writes, by its path below the root, with its text. */
export function generatedFiles(): Record<string, string> {
  return { 'contracts/auth.yaml': contractText(), '.env.example': envExample() }
}

function main(root: string) {
  for (const [path, text] of Object.entries(generatedFiles())) {
    writeFileSync(join(root, path), text)
    console.log(`Wrote ${path}`)
  }
}

if (import.meta.main) main(join(import.meta.dirname, '..'))
