import { readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import type { Settings } from '../setting.ts';
import { flag, kind, line } from '../values.ts';
import { redirectTargets } from './http.ts';

const LOGO_TYPES: Readonly<Record<string, string>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
};

/** A file that the pages show, read once. */
export interface PageFile {
  readonly path: string;
  /** Its media type. */
  readonly type: string;
  readonly content: Buffer;
}

export const PAGES = {
  pages: {
    name: 'LATCHKEY_PAGES',
    default: 'off',
    developmentDefault: 'on',
    description:
      '`on` serves pages under `/account`: sign in and up, the links of mail, profile, password and sessions. They keep their session in a cookie, whatever `LATCHKEY_COOKIES` says of other pages',
    value: flag(),
  },
  redirectOrigins: {
    name: 'LATCHKEY_REDIRECT_ORIGINS',
    default: '',
    description:
      'Origins to which the pages lead people back after they signed in (`?redirect_to=`), and external logins (`redirectTo`), comma-separated. Of an app with a scheme of its own, the whole address, as in `com.example.app:/signed-in`',
    value: redirectTargets(),
  },
  appName: {
    name: 'LATCHKEY_APP_NAME',
    default: 'Latchkey',
    description: 'What the pages call what people sign in to',
    value: line({ most: 60 }),
  },
  appLogo: {
    name: 'LATCHKEY_APP_LOGO',
    description: 'A picture beside that name: an SVG, PNG or WebP file of at most 256 KiB',
    value: file({ mostBytes: 262_144, types: LOGO_TYPES }),
  },
  appStyles: {
    name: 'LATCHKEY_APP_STYLES',
    description:
      'A CSS file of at most 64 KiB that the pages load after their own, for other colours and fonts',
    value: file({ mostBytes: 65_536, types: { '.css': 'text/css; charset=utf-8' } }),
  },
} as const satisfies Settings;

/** A file whose name says what is in it. */
function file({ mostBytes, types }: { mostBytes: number; types: Readonly<Record<string, string>> }) {
  return kind<PageFile>({
    read: (path, refuse) => {
      const type = types[extname(path).toLowerCase()] ?? '';
      const file = { path, type, content: Buffer.alloc(0) };
      if (type === '') {
        refuse(`must be a file that ends in ${Object.keys(types).join(', ')}`);
        return file;
      }
      try {
        const { size } = statSync(path);
        if (size <= mostBytes) return { ...file, content: readFileSync(path) };
        refuse(`the file must have at most ${mostBytes} bytes, and has ${size}`);
      } catch (error) {
        refuse(`the file cannot be read (${(error as NodeJS.ErrnoException).code})`);
      }
      return file;
    },
    write: ({ path }) => path,
  });
}
