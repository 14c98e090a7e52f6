/** A module that esbuild has made of TypeScript, with its source map. */
import { type BuildOptions, build } from 'esbuild'
import type { BundleModule } from '../../src/bundle.ts'

/** `source` is called `file` in the map, what is made of it `name`. */
export async function builtWithMap(
  source: string,
  file: string,
  name: string,
): Promise<{ modules: BundleModule[]; code: string }> {
  const { outputFiles } = await build({
    stdin: { contents: source, sourcefile: file, loader: 'ts' },
    format: 'esm',
    sourcemap: 'external',
    outfile: name,
    write: false,
  } satisfies BuildOptions)
  const find = (end: string) => outputFiles.find(output => output.path.endsWith(end))!
  return {
    code: find('.js').text,
    modules: [
      { name, type: 'esm', content: find('.js').contents },
      { name: `${name}.map`, type: 'sourcemap', content: find('.map').contents },
    ],
  }
}

/** Line and column of the text, both from 1, as in a stack. */
export function positionOf(code: string, text: string): [line: number, column: number] {
  const before = code.slice(0, code.indexOf(text)).split('\n')
  return [before.length, before.at(-1)!.length + 1]
}
