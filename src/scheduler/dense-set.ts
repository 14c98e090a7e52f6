/**
 * An unordered set that lives in one array: members know their index, so adding and removing move one element
 * and leave nothing behind. (A `Set` under constant churn keeps removed members alive in its discarded tables.)
 */
import assert from 'node:assert/strict'

/** `slot` belongs to the set; -1 outside of it. A member can be in one set at a time. */
interface Member {
  slot: number
}

export class DenseSet<T extends Member> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    assert(member.slot === -1, 'already in a set')
    member.slot = this.#members.length
    this.#members.push(member)
  }

  /** Removes a member; one that is in no set stays outside. */
  delete(member: T): void {
    const { slot } = member
    if (slot === -1) return
    const last = this.#members.pop()!
    if (last !== member) {
      this.#members[slot] = last
      last.slot = slot
    }
    member.slot = -1
  }

  /** Visits every member, last first, so that `visit` may remove the one it is given. */
  sweep(visit: (member: T) => void): void {
    for (let i = this.#members.length - 1; i >= 0; i--) {
      const member = this.#members[i]
      if (member) visit(member)
    }
  }
}
