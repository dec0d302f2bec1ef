/** A parameter of a path as the contract writes it: a whole segment. */
const parameter = /\{(\w+)\}/g

/** A path of the contract as the router writes it: `/sessions/{id}` is `/sessions/:id`. */
export function routerPath(pattern: string): string {
  return pattern.replaceAll(parameter, ':$1')
}

/** Says whether a path of the contract is the path of a request: a parameter stands for one segment that is not empty. */
export function fitsPattern(pattern: string, path: string): boolean {
  const [wanted, sent] = [pattern.split('/'), path.split('/')]
  const isFitting = (segment: string, at: number) => (segment.startsWith('{') ? sent[at] !== '' : segment === sent[at])
  return wanted.length === sent.length && wanted.every(isFitting)
}
