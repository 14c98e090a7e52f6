/** `vitrine init`: writes a first app to start from. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { VitrineError } from '../errors.ts'
import { type Command, hasOption, type Invocation, textOption } from './command.ts'

export const initCommand: Command = {
  name: 'init',
  summary: 'Write a new app into a directory',
  positionals: ['DIR'],
  options: {
    name: { value: 'NAME', help: 'the app’s name, a DNS label; else the directory’s' },
    javascript: { help: 'JavaScript instead of TypeScript' },
  },
  examples: ['vitrine init my-app', 'vitrine deploy my-app'],
  run: init,
}

async function init(invocation: Invocation): Promise<void> {
  const { terminal, positionals } = invocation
  const shown = positionals[0]!
  const directory = resolve(shown)
  const name = textOption(invocation, 'name') ?? basename(directory).toLowerCase()
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    throw new VitrineError(
      'APP_NAME_INVALID',
      `"${name}" cannot be an app's name: use --name with letters, digits and hyphens, at most 63`,
    )
  const files = hasOption(invocation, 'javascript') ? javascriptApp(name) : typescriptApp(name)
  const taken = Object.keys(files).find(file => existsSync(join(directory, file)))
  if (taken)
    throw new VitrineError(
      'REQUEST_INVALID',
      `${join(shown, taken)} is there already: choose an empty directory`,
    )

  await mkdir(join(directory, 'src'), { recursive: true })
  for (const [file, text] of Object.entries(files)) {
    await writeFile(join(directory, file), text, { flag: 'wx' })
    terminal.print(`  ${join(shown, file)}`)
  }
  terminal.print(`\nDeploy it with: vitrine deploy ${shown}`)
}

function typescriptApp(name: string): Record<string, string> {
  return {
    'wrangler.toml': wranglerToml(name, 'src/index.ts'),
    'src/index.ts': `interface Env {
  GREETING: string
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url)
    return new Response(\`\${env.GREETING} from \${pathname}\\n\`)
  },
}
`,
    'tsconfig.json': `${JSON.stringify(
      {
        compilerOptions: {
          target: 'esnext',
          module: 'esnext',
          moduleResolution: 'bundler',
          lib: ['esnext'],
          types: ['@cloudflare/workers-types'],
          strict: true,
          noEmit: true,
        },
        include: ['src'],
      },
      null,
      2,
    )}\n`,
    'package.json': `${JSON.stringify(
      {
        name,
        private: true,
        type: 'module',
        scripts: { check: 'tsc' },
        devDependencies: { '@cloudflare/workers-types': '^5', typescript: '^7' },
      },
      null,
      2,
    )}\n`,
    '.gitignore': 'node_modules/\n',
  }
}

function javascriptApp(name: string): Record<string, string> {
  return {
    'wrangler.toml': wranglerToml(name, 'src/index.js'),
    'src/index.js': `export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url)
    return new Response(\`\${env.GREETING} from \${pathname}\\n\`)
  },
}
`,
  }
}

function wranglerToml(name: string, main: string): string {
  return `name = "${name}"
main = "${main}"
compatibility_date = "${new Date().toISOString().slice(0, 10)}"

# What the app finds in env.
[vars]
GREETING = "Hello"
`
}
