import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Roles } from '../../core/roles/service.ts';
import { Email } from '../../core/users/service.ts';
import {
  type FirebaseParameters,
  fromFirebase,
  fromKeycloak,
  fromText,
  isUnusable,
} from '../../crypto/foreign-hashes.ts';
import { readPasswordHash } from '../../crypto/password-hash.ts';
import { parseLabel } from '../../platform/label.ts';
import { metadataProblem } from '../../platform/metadata.ts';
import { wordsOf } from '../../platform/words.ts';
import { parseMoment } from './moment.ts';

/** An account as another system knows it. */
export interface ForeignUser {
  readonly id: string;
  readonly email: string;
  readonly emailVerified: boolean;
  readonly name: string | null;
  /** ms since 1970. */
  readonly createdAt: number;
  readonly disabled: boolean;
  /** Of those that are defined, without the default ones. */
  readonly roles: readonly string[];
  /** As JSON. */
  readonly metadata: string;
  /** In the form that is stored. */
  readonly passwordHash: string | null;
}

/** What is wrong with a field, by its name: never what it holds, which may be a secret in the wrong place (AUD-2). */
const PROBLEMS = {
  id: 'id is no UUID',
  email: 'email is missing or no address',
  emailVerified: 'emailVerified is neither true nor false',
  name: 'name has more than 100 characters, none that can be seen, or some that change how others are shown',
  createdAt: 'createdAt is no moment of the past: ISO 8601, or seconds or milliseconds since 1970',
  disabled: 'disabled is neither true nor false',
  passwordHash: 'passwordHash is in no form that is known here',
  salt: 'salt has no passwordHash to go with',
  roles: 'roles names a role that is not defined; in CSV, roles have spaces between them',
  metadata: 'metadata is no JSON object of at most 4096 bytes',
} as const;

/** What a row may say of an account. Only the address has to be there. */
export const FIELDS: readonly string[] = Object.keys(PROBLEMS);

const TOO_COSTLY = 'passwordHash costs more to verify than this server ever spends on one';
const NO_PARAMETERS =
  'passwordHash has a salt of its own, as in Firebase: LATCHKEY_FIREBASE_SCRYPT is needed';

/** As JSON, spreadsheets and PostgreSQL write it. */
const Flag = z.union([z.boolean(), z.stringbool({ truthy: ['true', 't'], falsy: ['false', 'f'] })]);

const Moment = z.unknown().transform(parseMoment).pipe(z.int());

/**
 * Reads what a row says of an account: the account, or why it is refused. A field that is null or an empty text is as
 * good as none.
 */
export function createRowReader({
  now,
  firebase,
  roles: defined,
}: {
  now: () => number;
  roles: Pick<Roles, 'names' | 'defaults'>;
  /** For rows with a `salt`. */
  firebase: FirebaseParameters | undefined;
}) {
  const Row = z.strictObject({
    id: z.guid().toLowerCase().optional(),
    email: Email,
    emailVerified: Flag.optional(),
    name: z.string().refine(isLabel).optional(),
    createdAt: Moment.refine((at) => at >= 0 && at <= now()).optional(),
    disabled: Flag.optional(),
    passwordHash: z.union([z.string(), z.looseObject({})]).optional(),
    salt: z.string().optional(),
    roles: z
      .union([z.array(z.string()), z.string().transform(wordsOf)])
      .refine((names) => names.every((name) => defined.names.includes(name)))
      .optional(),
    metadata: z
      .union([z.string().transform(parseJson), z.looseObject({})])
      .refine((value) => metadataProblem(value) === undefined)
      .optional(),
  });

  function storedFormOf({ passwordHash, salt }: z.output<typeof Row>): string | undefined {
    if (passwordHash === undefined || isUnusable(passwordHash)) return undefined;
    if (salt !== undefined) return firebase && fromFirebase({ hash: passwordHash, salt }, firebase);
    // In a cell of CSV, Keycloak's credential is a text.
    const isKeycloak = typeof passwordHash === 'object' || passwordHash.startsWith('{');
    return isKeycloak ? fromKeycloak(passwordHash) : fromText(passwordHash);
  }

  return (row: Readonly<Record<string, unknown>>): ForeignUser | { readonly problem: string } => {
    const given = Object.entries(row).filter(([, value]) => value !== null && value !== '');
    const { data, error } = Row.safeParse(Object.fromEntries(given));
    if (error !== undefined) return { problem: describe(error) };
    if (data.salt !== undefined && data.passwordHash === undefined) return { problem: PROBLEMS.salt };
    if (data.salt !== undefined && firebase === undefined) return { problem: NO_PARAMETERS };

    const stored = storedFormOf(data);
    const hash = stored === undefined ? undefined : readPasswordHash(stored);
    const isGiven = data.passwordHash !== undefined && !isUnusable(data.passwordHash);
    if (isGiven && hash === undefined) return { problem: PROBLEMS.passwordHash };
    if (hash?.isTooCostly) return { problem: TOO_COSTLY };
    return {
      id: data.id ?? randomUUID(),
      email: data.email,
      emailVerified: data.emailVerified ?? false,
      name: parseLabel(data.name, 'name'),
      createdAt: data.createdAt ?? now(),
      disabled: data.disabled ?? false,
      roles: [...new Set(data.roles)].filter((name) => !defined.defaults.includes(name)),
      metadata: JSON.stringify(data.metadata ?? {}),
      passwordHash: stored ?? null,
    };
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isLabel(text: string): boolean {
  try {
    parseLabel(text, 'name');
    return true;
  } catch {
    return false;
  }
}

function describe({ issues: [issue] }: z.ZodError): string {
  const field = issue?.path[0] as keyof typeof PROBLEMS | undefined;
  return field === undefined ? `has a field that is none of ${FIELDS.join(', ')}` : PROBLEMS[field];
}
