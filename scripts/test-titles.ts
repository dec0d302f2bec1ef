import ts from 'typescript'

/** `onSqlite` is ours: a test of one engine alone. */
const sayers = new Set(['test', 'it', 'describe', 'onSqlite'])
const silencers = new Set(['skip', 'todo'])

/**
 * Reads the titles of the tests in a source file, as they are written: `${...}` and `%s` stay unfilled.
 *
 * Every form counts, also `test.each(table)('title')`; what is marked `skip` or `todo` does not. A test inside a
 * skipped `describe` is NOT recognised as skipped.
 */
export function testTitles(source: string): string[] {
  const titles: string[] = []
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && saysTest(node.expression)) {
      const title = textOf(node.arguments[0])
      if (title !== undefined) titles.push(title)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('some.test.ts', source, ts.ScriptTarget.Latest))
  return titles
}

/** Whether this is `test`, or something made from it: `test.each(table)`, `test.skipIf(no)`, `describe.concurrent`. */
function saysTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return sayers.has(callee.text)
  if (ts.isPropertyAccessExpression(callee)) return !silencers.has(callee.name.text) && saysTest(callee.expression)
  if (ts.isCallExpression(callee)) return saysTest(callee.expression)
  if (ts.isTaggedTemplateExpression(callee)) return saysTest(callee.tag)
  return false
}

function textOf(argument: ts.Expression | undefined): string | undefined {
  if (!argument) return undefined
  if (ts.isStringLiteralLike(argument)) return argument.text
  if (!ts.isTemplateExpression(argument)) return undefined
  return argument.templateSpans.reduce((text, span) => `${text}\${}${span.literal.text}`, argument.head.text)
}
