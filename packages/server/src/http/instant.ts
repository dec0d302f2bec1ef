/** An instant as answers tell it: ISO 8601 in UTC, to the millisecond. */
export function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
