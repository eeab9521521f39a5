import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { slug } from 'github-slugger';
import { defineConfig, type MarkdownRenderer } from 'vitepress';
import { faultsOf } from './check-site.ts';
import { repositoryAddress, repositoryOf } from './repository-links.ts';
import { sidebarOf } from './sidebar.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const repository = repositoryOf(JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')));

export default defineConfig({
  title: 'Latchkey',
  description: 'GraphQL authentication server',
  lang: 'en',
  lastUpdated: false,
  // The pages keep the addresses that they have as files, so any host of static files can serve them.
  cleanUrls: false,
  // Anchors are spelled as GitHub spells them: one link works in both places.
  markdown: { anchor: { slugify: slug }, config: readAsMarkdown },
  themeConfig: {
    sidebar: sidebarOf(fileURLToPath(new URL('..', import.meta.url))),
    ...(repository !== undefined && { nav: [{ text: 'Source', link: repository }] }),
    outline: [2, 3],
    search: { provider: 'local' },
  },
  buildEnd({ outDir, site }) {
    const faults = faultsOf(outDir, site.base);
    if (faults.length > 0) throw new Error(`The site has faults:\n${faults.join('\n')}`);
  },
});

function readAsMarkdown(markdown: MarkdownRenderer): void {
  linkToRepository(markdown);
  keepBraces(markdown);
  breakNames(markdown);
}

/** A page is no template of Vue: double braces in it are text, as on GitHub. */
function keepBraces({ renderer: { rules } }: MarkdownRenderer): void {
  for (const name of ['text', 'code_inline', 'code_block'] as const) {
    const render = rules[name];
    if (render === undefined) throw new Error(`markdown-it has no rule for ${name}`);
    rules[name] = (...token) => render(...token).replaceAll('{{', '&#123;&#123;');
  }
}

/** `LATCHKEY_PASSWORD_MIN_LENGTH` may break at an underscore, so that a table fits beside it. */
function breakNames({ renderer: { rules } }: MarkdownRenderer): void {
  const render = rules.code_inline;
  if (render === undefined) throw new Error('markdown-it has no rule for code_inline');
  rules.code_inline = (...token) =>
    render(...token).replace(/>[^<]*</, (text) => text.replaceAll('_', '_<wbr>'));
}

function linkToRepository(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('repository links', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const link = token.type === 'link_open' ? token.attrGet('href') : null;
      const address = link && repositoryAddress(link, { page: env.relativePath, root: ROOT, repository });
      if (address) token.attrSet('href', address);
    }
  });
}
