import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Letter, Mailer } from '../../platform/mailer.ts';

const MOST_LETTERS = 50;

export interface ReceivedLetter extends Letter {
  /** ms since 1970. */
  readonly receivedAt: number;
}

export interface DevMailbox extends Mailer {
  /** The newest first. */
  letters(): readonly ReceivedLetter[];
}

/** Development's mail server: it delivers nothing, keeps the last letters in memory, and says that they came. */
export function createDevMailbox({ clock, logger }: { clock: Clock; logger: Logger }): DevMailbox {
  const letters: ReceivedLetter[] = [];
  return {
    async send(letter) {
      letters.unshift({ ...letter, receivedAt: clock.now() });
      letters.splice(MOST_LETTERS);
      // Neither the link nor the code.
      logger.info(`Mail to ${letter.to}, at /dev/mail: ${letter.subject}`);
    },
    close: () => {},
    letters: () => letters,
  };
}
