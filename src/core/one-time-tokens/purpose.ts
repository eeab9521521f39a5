import type { MailTemplate } from '../mail/templates.ts';

/** What a token is good for, and nothing else. Each module declares the purposes of the tokens that it takes back. */
export interface Purpose {
  /** In the rows of its tokens and in the audit trail. */
  readonly name: string;
  /** How long a token lives (OTT-1). */
  readonly ttlSeconds: number;
  /** The mail that brings it. */
  readonly template: MailTemplate;
  /** Where in the app its link leads; none where the mail brings a code alone. */
  readonly path?: string;
  /** Whether a code stands beside the link, for a person who reads the mail on another device. */
  readonly hasCode?: boolean;
}
