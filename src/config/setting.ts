import type { Kind } from './values.ts';

export interface Setting<Value = unknown> {
  /** The environment variable. */
  readonly name: string;
  /** What it is when it is not given, as it would be written; none when the description says where it comes from. */
  readonly default?: string;
  /** What it is in development, where that differs. */
  readonly developmentDefault?: string;
  /** One line of Markdown for the manual and the operator. */
  readonly description: string;
  readonly value: Kind<Value>;
}

/** Those of one subject, each under its name in `Config`. */
export type Settings = Readonly<Record<string, Setting>>;
