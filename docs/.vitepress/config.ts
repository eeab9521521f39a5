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
  markdown: { anchor: { slugify: slug }, config: linkToRepository },
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

function linkToRepository(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push('repository links', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const link = token.type === 'link_open' ? token.attrGet('href') : null;
      const address = link && repositoryAddress(link, { page: env.relativePath, root: ROOT, repository });
      if (address) token.attrSet('href', address);
    }
  });
}
