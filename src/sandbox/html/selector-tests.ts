/** What selectors ask of an element. */

/** An element as selectors see it, at its start tag. */
export interface Candidate {
  /** In lower case. */
  readonly name: string
  readonly isHtml: boolean
  /** Among its parent's children, from 1. */
  readonly index: number
  /** Among its parent's children of its name, from 1. */
  readonly typeIndex: number
  /** The value of an attribute by its lower-case name, as the source has it. */
  attribute(name: string): string | null
}

export type Test = (candidate: Candidate) => boolean

export type AttributeOperator = '=' | '~=' | '|=' | '^=' | '$=' | '*='

/** https://html.spec.whatwg.org/multipage/semantics-other.html#case-sensitivity-of-selectors */
const CASELESS_IN_HTML = new Set(
  (
    'accept accept-charset align alink axis bgcolor charset checked clear codetype color compact declare defer dir ' +
    'direction disabled enctype face frame hreflang http-equiv lang language link media method multiple nohref ' +
    'noresize noshade nowrap readonly rel rev rules scope scrolling selected shape target text type valign ' +
    'valuetype vlink'
  ).split(' '),
)

const COMPARISONS: Record<AttributeOperator, (value: string, wanted: string) => boolean> = {
  '=': (value, wanted) => value === wanted,
  '~=': (value, wanted) => value === wanted || value.split(/[\t\n\f\r ]/).includes(wanted),
  '|=': (value, wanted) => value === wanted || value.startsWith(`${wanted}-`),
  '^=': (value, wanted) => value.startsWith(wanted),
  '$=': (value, wanted) => value.endsWith(wanted),
  '*=': (value, wanted) => value.includes(wanted),
}

/** `ignoresCase`: undefined to go by what HTML says of the attribute. */
export function attributeTest(
  name: string,
  operator: AttributeOperator,
  wanted: string,
  ignoresCase: boolean | undefined,
): Test {
  const compare = COMPARISONS[operator]
  if (wanted === '' && operator !== '=' && operator !== '|=') return () => false
  if (operator === '~=' && /[\t\n\f\r ]/.test(wanted)) return () => false
  const lower = asciiLower(wanted)
  const isCaselessInHtml = ignoresCase === undefined && CASELESS_IN_HTML.has(name)
  return ({ attribute, isHtml }) => {
    const value = attribute(name)
    if (value === null) return false
    const isCaseless = ignoresCase || (isCaselessInHtml && isHtml)
    return isCaseless ? compare(asciiLower(value), lower) : compare(value, wanted)
  }
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, letters => letters.toLowerCase())
}

/** `step` n + `offset`, for any n from 0. */
export function nthTest(which: 'index' | 'typeIndex', step: number, offset: number): Test {
  return candidate => {
    const distance = candidate[which] - offset
    return step === 0 ? distance === 0 : distance % step === 0 && distance / step >= 0
  }
}
