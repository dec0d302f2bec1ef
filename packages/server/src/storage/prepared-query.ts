import type { Compilable, CompiledQuery, Kysely, QueryResult } from 'kysely'
import type { Schema } from './schema.ts'

/** Stands in the text of a query for a value that is known when it runs. */
class Slot {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** An adapter of a database that need not be waited for. */
export type ReadsNow = {
  /**
   * What a query finds, where it only reads and no transaction is open; otherwise undefined. To take a turn costs more than
   * such a query.
   */
  readNow<Row>(query: CompiledQuery<Row>): QueryResult<Row> | undefined
}

function canReadNow(adapter: object): adapter is ReadsNow {
  return 'readNow' in adapter
}

/**
 * A query that is built and put into words once for each database, and from then on run with other values: to build it
 * costs more than to run it.
 * @param build may hand each of the given values on to Kysely as it is, and nothing else: in its place stands a slot. What is
 *   given must always have the same members, none of them a list
 */
export function prepareQuery<Given extends object, Row>(
  build: (database: Kysely<Schema>, given: Given) => Compilable<Row>,
): (database: Kysely<Schema>, given: Given) => Promise<QueryResult<Row>> {
  const compiled = new WeakMap<object, CompiledQuery<Row>>()

  function compile(database: Kysely<Schema>, given: Given): CompiledQuery<Row> {
    const slots = Object.fromEntries(Object.keys(given).map((name) => [name, new Slot(name)]))
    const query = build(database, slots as Given).compile()
    compiled.set(database.getExecutor().adapter, query)
    return query
  }

  return (database, given) => {
    const executor = database.getExecutor()
    // The same in every transaction of a database.
    const query = compiled.get(executor.adapter) ?? compile(database, given)
    const parameters = query.parameters.map((value) =>
      value instanceof Slot ? given[value.name as keyof Given] : value,
    )
    const asked = { ...query, parameters }
    const { adapter } = executor
    const found = !database.isTransaction && canReadNow(adapter) ? adapter.readNow<Row>(asked) : undefined
    // By the connection itself: on the way over `executeQuery` Kysely does in six promises what plugins would need.
    return found
      ? Promise.resolve(found)
      : executor.provideConnection((connection) => connection.executeQuery<Row>(asked))
  }
}
