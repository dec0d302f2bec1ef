/** Two transactions met, and the engine undid this one: as a whole it may be tried again. */
export class Conflict extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Conflict'
  }
}
