import { readFileSync } from 'node:fs'

/** Reads a file of `vectors/`, whose README says where each comes from. */
export function readVectors<Shape>(name: string): Shape {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8'))
}
