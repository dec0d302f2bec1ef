import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin'

/** Words for people: what an error says, what a log line says, and what is wrong with a field. */
const speaks = /^(.*Error|invalidOptions)$/

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'words', {
    shouldIgnore({ node, parent, key, listKey }) {
      if (!/^(StringLiteral|TemplateLiteral)$/.test(node.type)) return undefined
      const isFirst = listKey === 'arguments' && key === 0
      if (isFirst && parent.type === 'NewExpression' && speaks.test(parent.callee.name)) return 'what an error says'
      if (parent.type === 'ObjectProperty' && parent.key.name === 'issue') return 'what is wrong with a field'
      return undefined
    },
  }),
]
