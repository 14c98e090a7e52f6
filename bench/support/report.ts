/** Answers as Markdown: on the terminal and in RESULTS.md alike. */
import type { Answer, Goal, Question, Table } from './question.ts'

export interface Answered {
  question: Pick<Question, 'name' | 'title'>
  answer: Answer
}

export function sectionOf({ question, answer }: Answered): string {
  const { goals = [], tables = [], notes = [], output } = answer
  return [
    `## ${question.title} (\`${question.name}\`)`,
    ...(goals.length > 0 ? [goalsTable(goals)] : []),
    ...tables.map(table => (table.title ? `${table.title}:\n\n${markdown(table)}` : markdown(table))),
    ...(output === undefined ? [] : [`\`\`\`\n${output}\n\`\`\``]),
    ...notes,
  ].join('\n\n')
}

/** The whole of RESULTS.md. */
export function reportOf(
  answered: readonly Answered[],
  { machine, repeats, seconds }: { machine: readonly string[]; repeats: number; seconds: number },
): string {
  const goals = answered.flatMap(({ answer }) => answer.goals ?? [])
  return `${[
    '# Results of the benchmarks',
    'Written by `npm run bench -- --write`.',
    machine.map(line => `- ${line}`).join('\n'),
    `Sides are measured in turn, ${repeats} times for ${seconds} s each; figures are medians, in parentheses the least and the greatest. ` +
      'A ratio is the median of the ratios of neighbouring measurements. Only ratios within one run mean much: machines drift. ' +
      'CPU time is that of all processes of a server.',
    goalsTable(goals),
    ...answered.map(sectionOf),
  ].join('\n\n')}\n`
}

function goalsTable(goals: readonly Goal[]): string {
  return markdown({
    columns: ['', 'goal', 'measured', ''],
    rows: goals.map(({ what, goal, measured, met }) => [what, goal, measured, met ? 'reached' : 'missed']),
  })
}

function markdown({ columns, rows }: Table): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, 3, ...rows.map(row => row[index]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, index) => (cells[index] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`
  return [line(columns), rule, ...rows.map(line)].join('\n')
}
