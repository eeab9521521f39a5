import { existsSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

export interface Origin {
  /** The page that links, as in `guides/mail.md`. */
  readonly page: string;
  /** The folder that holds `docs`. */
  readonly root: string;
  /** Where the repository is shown, without a slash at its end. */
  readonly repository: string | undefined;
}

/**
 * The address of a file of the repository that is no page of the site, as `../SECURITY.md` is on disk and on GitHub.
 * `undefined` for every other link.
 *
 * @throws Error for a file that is not there, because such a link is dead.
 */
export function repositoryAddress(link: string, { page, root, repository }: Origin): string | undefined {
  const [, path = '', anchor = ''] = /^([^#?]*)(.*)$/.exec(link) ?? [];
  if (path === '' || path.startsWith('/') || /^[a-z][a-z+.-]*:/i.test(path)) return undefined;
  const target = posix.join('docs', posix.dirname(page), decodeURIComponent(path)).replace(/\/$/, '');
  if (target.startsWith('docs/') || target === 'docs') return undefined;
  const file = join(root, target);
  if (target.startsWith('..') || !existsSync(file))
    throw new Error(`docs/${page} links to ${link}, which is not there`);
  if (repository === undefined) throw new Error('package.json does not say where the repository is shown');
  return `${repository}/${statSync(file).isDirectory() ? 'tree' : 'blob'}/main/${target}${anchor}`;
}

/** From the field `repository` of package.json: `git+https://host/owner/name.git` is shown at `https://host/owner/name`. */
export function repositoryOf(manifest: {
  readonly repository?: string | { readonly url: string };
}): string | undefined {
  const { repository } = manifest;
  const url = typeof repository === 'object' ? repository.url : repository;
  return url?.replace(/^git\+/, '').replace(/\.git$/, '');
}
