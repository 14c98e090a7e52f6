/** A colour of the screen, each part from 0 to 255. */
export class Colour {
  constructor(
    readonly red: number,
    readonly green: number,
    readonly blue: number,
  ) {}

  static parse(text: string): Colour | null {
    const match = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text)
    if (!match) return null
    const [red, green, blue] = match.slice(1).map(part => Number.parseInt(part, 16)) as [
      number,
      number,
      number,
    ]
    return new Colour(red, green, blue)
  }
}

export function formats({ red, green, blue }: Colour): Record<'hex' | 'rgb' | 'hsl', string> {
  const hex = [red, green, blue].map(part => part.toString(16).padStart(2, '0')).join('')
  return { hex: `#${hex}`, rgb: `rgb(${red} ${green} ${blue})`, hsl: hsl(red / 255, green / 255, blue / 255) }
}

function hsl(red: number, green: number, blue: number): string {
  const max = Math.max(red, green, blue)
  const span = max - Math.min(red, green, blue)
  const lightness = max - span / 2
  const saturation = span === 0 ? 0 : span / (1 - Math.abs(2 * lightness - 1))
  const sixth =
    span === 0
      ? 0
      : max === red
        ? (green - blue) / span
        : max === green
          ? (blue - red) / span + 2
          : (red - green) / span + 4
  const hue = Math.round(((sixth + 6) % 6) * 60)
  return `hsl(${hue} ${Math.round(saturation * 100)}% ${Math.round(lightness * 100)}%)`
}
