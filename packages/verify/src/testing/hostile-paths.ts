import { ada, bob } from './tokens.ts'

const encoded = (id: string) => [...id].map((character) => `%${character.charCodeAt(0).toString(16)}`).join('')

/** Ways to write an id other than as itself. */
const disguises = (id: string): string[] => [
  id.toUpperCase(),
  encoded(id),
  `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
  `${id}%20`,
  `%20${id}`,
  `${id}%00`,
  `${id}%0a`,
  `${id}.`,
  `${id};x=1`,
  `${id}%2f`,
  `${id}%2f..%2f${bob}`,
  `.%2f${id}`,
  `${id}%252f`,
  `${id}%252f%252e%252e%252f${bob}`,
  `%252e%252e%252f${id}`,
  `${id}%c0%af`,
  `%c0%ae%c0%ae%2f${id}`,
  `${id}%ff`,
  `${id}%zz`,
  `{${id}}`,
  id.replaceAll('-', ''),
  `${id}${id}`,
]

/** Paths that must give Ada nothing: Bob's, and every disguise of his id or of her own. */
export const hostilePaths: readonly string[] = [
  `/api/${bob}/tasks`,
  ...[...disguises(bob), ...disguises(ada)].map((id) => `/api/${id}/tasks`),
  '/api//tasks',
  '/api/undefined/tasks',
  '/api/null/tasks',
  '/api/*/tasks',
  '/api/%/tasks',
  `//api/${ada}/tasks`,
  `/api//${ada}/tasks`,
  `/api/./${ada}/tasks`,
  `/api/%2e/${ada}/tasks`,
  `/api/${bob}/../${ada}/tasks`,
  `/api/${bob}/%2e%2e/${ada}/tasks`,
  `/api/${ada}/../${bob}/tasks`,
  `/api/${ada}/..%2f${bob}/tasks`,
  `/api\\${ada}\\tasks`,
  `/api/${ada}\\..\\${bob}/tasks`,
  `/api/${bob}/tasks?user_id=${ada}`,
  `/api/${bob}/tasks#/${ada}/`,
  `http://127.0.0.1/api/${bob}/tasks`,
]
