import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: string[]
  format?: string
  pattern?: string
  properties?: Record<string, Schema>
  required?: string[]
  minimum?: number
  maximum?: number
}
type Parameter = { in: 'path' | 'query'; name: string; schema: Schema }
type Content = Record<string, { schema: Schema }>
export type Response = { headers?: Record<string, unknown>; content?: Content }
export type Operation = {
  operationId: string
  method: string
  path: string
  security?: Record<string, unknown>[]
  parameters?: Parameter[]
  requestBody?: { required?: boolean; content: Content }
  responses: Record<string, Response>
}
export type Contract = { document: { components: { schemas: Record<string, Schema> } }; operations: Operation[] }

const file = new URL('../contracts/auth.yaml', import.meta.url)

/** The contract as it is checked in: a test of its own keeps it true to the code. */
export function readContract(): Contract {
  const document = parse(readFileSync(file, 'utf8'))
  const paths: [string, Record<string, Omit<Operation, 'method' | 'path'>>][] = Object.entries(document.paths)
  const operations = paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
  )
  return { document, operations }
}

/** A schema without its reference. */
export function resolve({ document }: Contract, schema: Schema): Schema {
  return schema.$ref ? (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema
}

/** The operation that a request line names; a HEAD is told of by its GET. */
export function operationOf({ operations }: Contract, method: string, target: string): Operation | undefined {
  const path = target.split('?')[0] ?? ''
  const asked = method === 'HEAD' ? 'GET' : method
  return operations.find((one) => one.method === asked && fits(one.path, path))
}

function fits(pattern: string, path: string): boolean {
  const [expected, got] = [pattern.split('/'), path.split('/')]
  return (
    expected.length === got.length &&
    expected.every((part, at) => part === got[at] || (part.startsWith('{') && got[at] !== ''))
  )
}
