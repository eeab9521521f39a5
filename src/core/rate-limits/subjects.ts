/** An account whose secrets can be guessed. Counts begin anew with each version of its password. */
export interface Guessed {
  readonly id: string;
  readonly passwordVersion: number;
}

/** The parts that stand for the password of an account. */
export function passwordOf({ id, passwordVersion }: Guessed): string[] {
  return [id, String(passwordVersion)];
}

/** Without an account the subject is the address. An account that is made there later is another subject. */
export function subjectOf(user: Guessed | undefined, emailCanonical: string): string[] {
  return user === undefined ? ['nobody', emailCanonical] : passwordOf(user);
}
