/**
 * navigator, by which libraries recognise the platform whose apps run here.
 */
import { defineInterface, internally, onlyInternally } from './webidl.ts'

export class Navigator {
  #brand: undefined

  constructor() {
    onlyInternally(arguments[0])
  }

  get userAgent(): string {
    void this.#brand
    return 'Cloudflare-Workers'
  }
}

defineInterface('Navigator', Navigator)

export const navigator: Navigator = new (Navigator as new (key: symbol) => Navigator)(internally)
