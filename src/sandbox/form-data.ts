/** FormData: a list of named strings and files. */
import { type Blob, createFile, type File, isBlob, isFile } from './blob.ts'
import { definePairIterable } from './pair-iterable.ts'
import { arrayPush, setPrototypeOf } from './primordials.ts'
import { defineInterface, requireArguments, usvString } from './webidl.ts'

export type FormDataValue = string | File

export interface FormDataEntry {
  name: string
  value: FormDataValue
}

let entriesOf: (form: FormData) => FormDataEntry[]
export let isFormData: (value: object) => value is FormData

export class FormData {
  /** Without a prototype, so that no accessor which a guest puts on Array.prototype sees what is added. */
  #entries: FormDataEntry[] = setPrototypeOf([], null)

  constructor(form: unknown = undefined) {
    if (form !== undefined) {
      throw new TypeError("Failed to construct 'FormData': parameter 1 is not of type 'HTMLFormElement'.")
    }
  }

  append(name: string, value: unknown, filename: unknown = undefined): void {
    const entries = this.#entries
    entries[entries.length] = entryOf(
      "Failed to execute 'append' on 'FormData'",
      arguments,
      filename,
      name,
      value,
    )
  }

  delete(name: string): void {
    const entries = this.#entries
    requireArguments(arguments.length, 1, "Failed to execute 'delete' on 'FormData'")
    remove(entries, usvString(name), 0)
  }

  get(name: string): FormDataValue | null {
    const entries = this.#entries
    requireArguments(arguments.length, 1, "Failed to execute 'get' on 'FormData'")
    const at = indexOfName(entries, usvString(name))
    return at < 0 ? null : entries[at]!.value
  }

  getAll(name: string): FormDataValue[] {
    const entries = this.#entries
    requireArguments(arguments.length, 1, "Failed to execute 'getAll' on 'FormData'")
    const key = usvString(name)
    const values: FormDataValue[] = []
    for (let i = 0; i < entries.length; i++)
      if (entries[i]!.name === key) arrayPush(values, entries[i]!.value)
    return values
  }

  has(name: string): boolean {
    const entries = this.#entries
    requireArguments(arguments.length, 1, "Failed to execute 'has' on 'FormData'")
    return indexOfName(entries, usvString(name)) >= 0
  }

  set(name: string, value: unknown, filename: unknown = undefined): void {
    const entries = this.#entries
    const entry = entryOf("Failed to execute 'set' on 'FormData'", arguments, filename, name, value)
    const at = indexOfName(entries, entry.name)
    if (at < 0) entries[entries.length] = entry
    else {
      entries[at] = entry
      remove(entries, entry.name, at + 1)
    }
  }

  static {
    entriesOf = form => form.#entries
    isFormData = (value): value is FormData => #entries in value
  }
}

/** The overloads `(name, string)` and `(name, blob, filename?)`. */
function entryOf(
  context: string,
  given: ArrayLike<unknown>,
  filename: unknown,
  name: unknown,
  value: unknown,
): FormDataEntry {
  requireArguments(given.length, 2, context)
  const key = usvString(name)
  if (isBlob(value))
    return { name: key, value: fileOf(value, filename === undefined ? null : usvString(filename)) }
  if (given.length > 2) throw new TypeError(`${context}: parameter 2 is not of type 'Blob'.`)
  return { name: key, value: usvString(value) }
}

function fileOf(blob: Blob, filename: string | null): File {
  if (isFile(blob) && filename === null) return blob
  return createFile(blob, filename ?? 'blob')
}

function indexOfName(entries: FormDataEntry[], name: string): number {
  for (let i = 0; i < entries.length; i++) if (entries[i]!.name === name) return i
  return -1
}

/** Removes the entries of this name from index `from` on. */
function remove(entries: FormDataEntry[], name: string, from: number): void {
  let kept = from
  for (let i = from; i < entries.length; i++) if (entries[i]!.name !== name) entries[kept++] = entries[i]!
  entries.length = kept
}

/** The entries, not copied. Throws a TypeError on anything but a FormData. */
export function formDataEntries(form: FormData): readonly FormDataEntry[] {
  return entriesOf(form)
}

/** Adds an entry as it is. */
export function addFormDataEntry(form: FormData, name: string, value: FormDataValue): void {
  const entries = entriesOf(form)
  entries[entries.length] = { name, value }
}

defineInterface('FormData', FormData)
definePairIterable<FormData, string, FormDataValue>('FormData', FormData, {
  check: form => entriesOf(form),
  entryAt: (form, index) => {
    const entry = entriesOf(form)[index]
    return entry && [entry.name, entry.value]
  },
})
