/** The elements that are open, and which selectors each start tag matches. */
import type { Candidate, Test } from './selector-tests.ts'
import type { SelectorList, Step } from './selectors.ts'

/** A selector matched so far up to some step: the test of the next. Each step is one object, so sets hold it once. */
interface State {
  test: Test
  /** What is asked of elements inside one that passes; null if the selector then matches. */
  next: State | null
  nextIsChild: boolean
  list: number
}

/** What is asked of the elements inside one. */
interface Inside {
  /** Of its children only. */
  children: Set<State> | null
  /** Of all: its parent's own, if it adds nothing. */
  descendants: Set<State>
}

/** An element that is open, or the document. */
interface Open<Data> extends Inside {
  readonly name: string
  readonly data: Data
  childCount: number
  countByName: Map<string, number> | null
}

/** https://html.spec.whatwg.org/multipage/syntax.html#void-elements, and those that were. */
const VOID = new Set(
  'area base basefont bgsound br col embed hr img input keygen link meta param source track wbr'.split(' '),
)

/** Whether an element can have content, and an end tag. */
export function canHaveContent(name: string, isHtml: boolean, selfClosing: boolean): boolean {
  return isHtml ? !VOID.has(name) : !selfClosing
}

export class Matcher<Data> {
  readonly #stack: Open<Data>[] = []
  readonly #root: Open<Data>
  /** How many elements of a name are open. */
  readonly #open = new Map<string, number>()

  readonly #countsTypes: boolean

  /** The lists are told of by their indices. */
  constructor(lists: readonly SelectorList[], rootData: Data) {
    const first = new Set<State>()
    lists.forEach(({ selectors }, index) => {
      for (const steps of selectors) first.add(chain(steps, index))
    })
    this.#root = open('', rootData, { children: null, descendants: first })
    this.#countsTypes = lists.some(({ countsTypes }) => countsTypes)
  }

  /** Where a start tag stands among its siblings; counts it. */
  count(name: string): { index: number; typeIndex: number } {
    const parent = this.#parent
    const index = ++parent.childCount
    if (!this.#countsTypes) return { index, typeIndex: 0 }
    parent.countByName ??= new Map()
    const typeIndex = (parent.countByName.get(name) ?? 0) + 1
    parent.countByName.set(name, typeIndex)
    return { index, typeIndex }
  }

  /** The lists that an element matches, in ascending order, and what is asked inside it. */
  match(candidate: Candidate): { matched: readonly number[]; inside: Inside } {
    const parent = this.#parent
    const found: Found = { matched: NONE, inside: parent, parent }
    for (const state of parent.descendants) if (state.test(candidate)) note(state, found)
    if (parent.children !== null)
      for (const state of parent.children) if (state.test(candidate)) note(state, found)
    const { matched, inside } = found
    if (inside === parent) return { matched, inside: { children: null, descendants: parent.descendants } }
    return { matched, inside }
  }

  push(name: string, data: Data, inside: Inside): void {
    this.#open.set(name, (this.#open.get(name) ?? 0) + 1)
    this.#stack.push(open(name, data, inside))
  }

  /** What an end tag closes, the innermost first: nothing, if no element of the name is open. */
  pop(name: string): Data[] {
    const closed: Data[] = []
    if (!this.#open.get(name)) return closed
    for (;;) {
      const item = this.#stack.pop()!
      const left = this.#open.get(item.name)! - 1
      if (left === 0) this.#open.delete(item.name)
      else this.#open.set(item.name, left)
      closed.push(item.data)
      if (item.name === name) return closed
    }
  }

  get #parent(): Open<Data> {
    return this.#stack[this.#stack.length - 1] ?? this.#root
  }
}

const NONE: readonly number[] = []

interface Found {
  matched: readonly number[]
  inside: Inside
  parent: Inside
}

/** Notes that a state's test has passed. Copies are made only of what changes: most elements change nothing. */
function note({ next, nextIsChild, list }: State, found: Found): void {
  if (next === null) {
    if (!found.matched.includes(list)) found.matched = [...found.matched, list].sort((a, b) => a - b)
    return
  }
  const { parent } = found
  if (found.inside === parent) found.inside = { children: null, descendants: parent.descendants }
  const { inside } = found
  if (nextIsChild) {
    inside.children ??= new Set()
    inside.children.add(next)
  } else if (!inside.descendants.has(next)) {
    if (inside.descendants === parent.descendants) inside.descendants = new Set(parent.descendants)
    inside.descendants.add(next)
  }
}

function open<Data>(name: string, data: Data, { children, descendants }: Inside): Open<Data> {
  return { name, data, children, descendants, childCount: 0, countByName: null }
}

function chain(steps: readonly Step[], list: number): State {
  return steps.reduceRight<State | null>(
    (next, step) => ({ test: step.test, next, nextIsChild: step.next === 'child', list }),
    null,
  )!
}
