import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** A task as clients see it. Instants are ISO 8601 in UTC. */
export type Task = {
  id: string
  user_id: string
  title: string
  is_completed: boolean
  completed_at: string | null
  created_at: string
  updated_at: string
}

/** What an owner may change; what is left out stays. */
export type TaskChange = { title?: string | undefined; is_completed?: boolean | undefined }

/** The tasks of one user. Whoever holds this reaches no other user's. */
export type UserTasks = {
  /** Newest first. */
  list(): Task[]
  find(id: string): Task | undefined
  add(title: string): Task
  /** A change that changes nothing leaves the instants as they are. */
  change(id: string, change: TaskChange): Task | undefined
  /** Whether there was such a task. */
  remove(id: string): boolean
}

export type TaskStore = {
  tasksOf(userId: string): UserTasks
  close(): void
}

type Row = {
  id: string
  user_id: string
  title: string
  completed_at: number | null
  created_at: number
  updated_at: number
}

/** Tasks are ordered by their own number: two can share a millisecond. */
const schema = `
  CREATE TABLE IF NOT EXISTS tasks (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    title TEXT NOT NULL,
    completed_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS tasks_of_user ON tasks (user_id, sequence);
`

/**
 * Opens the database, made with its folder where it is missing.
 *
 * There is no query without a user: every one goes through `tasksOf`.
 */
export function openTaskStore(path: string, now: () => number = Date.now): TaskStore {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
  const database = new DatabaseSync(path, { timeout: 5_000 })
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(schema)

  const selectAll = database.prepare('SELECT * FROM tasks WHERE user_id = ? ORDER BY sequence DESC')
  const selectOne = database.prepare('SELECT * FROM tasks WHERE user_id = ? AND id = ?')
  const insert = database.prepare(
    'INSERT INTO tasks (user_id, id, title, created_at, updated_at) VALUES (?, ?, ?, ?, ?) RETURNING *',
  )
  const update = database.prepare(
    'UPDATE tasks SET title = ?, completed_at = ?, updated_at = ? WHERE user_id = ? AND id = ? RETURNING *',
  )
  const remove = database.prepare('DELETE FROM tasks WHERE user_id = ? AND id = ?')

  function tasksOf(userId: string): UserTasks {
    const findRow = (id: string) => selectOne.get(userId, id) as Row | undefined

    return {
      list: () => (selectAll.all(userId) as Row[]).map(toTask),

      find: (id) => {
        const row = findRow(id)
        return row && toTask(row)
      },

      add: (title) => {
        const createdAt = now()
        return toTask(insert.get(userId, randomUUID(), title, createdAt, createdAt) as Row)
      },

      change: (id, { title, is_completed: isCompleted }) => {
        const row = findRow(id)
        if (!row) return undefined

        const changedAt = now()
        const newTitle = title ?? row.title
        const completedAt = completionAfter(row, isCompleted, changedAt)
        if (newTitle === row.title && completedAt === row.completed_at) return toTask(row)
        return toTask(update.get(newTitle, completedAt, changedAt, userId, id) as Row)
      },

      remove: (id) => remove.run(userId, id).changes === 1,
    }
  }

  return { tasksOf, close: () => database.close() }
}

/** A task that is completed already keeps the instant when it was. */
function completionAfter(row: Row, isCompleted: boolean | undefined, changedAt: number): number | null {
  if (isCompleted === undefined) return row.completed_at
  return isCompleted ? (row.completed_at ?? changedAt) : null
}

function toTask({ id, user_id, title, completed_at, created_at, updated_at }: Row): Task {
  return {
    id,
    user_id,
    title,
    is_completed: completed_at !== null,
    completed_at: completed_at === null ? null : toInstant(completed_at),
    created_at: toInstant(created_at),
    updated_at: toInstant(updated_at),
  }
}

function toInstant(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
