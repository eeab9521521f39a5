import type { FirebaseParameters } from '../../crypto/foreign-hashes.ts';
import type { Settings } from '../setting.ts';
import { integer, kind } from '../values.ts';

export const PASSWORDS = {
  passwordMinLength: {
    name: 'LATCHKEY_PASSWORD_MIN_LENGTH',
    default: '15',
    description: 'Least number of characters of a new password, `8` to `128`',
    value: integer({ least: 8, most: 128 }),
  },
  firebaseScrypt: {
    name: 'LATCHKEY_FIREBASE_SCRYPT',
    description:
      'Password hash parameters of the Firebase project that accounts were imported from, as its console shows them; a secret, needed as long as one of those passwords was never used here',
    value: firebaseScrypt(),
  },
} as const satisfies Settings;

/** The password hash parameters of a Firebase project, as its console shows them. The signer key is a secret. */
function firebaseScrypt() {
  return kind<FirebaseParameters>({
    read: (text, refuse) => {
      const pairs = text.matchAll(/\b(base64_\w+|rounds|mem_cost)\s*[:=]\s*([A-Za-z0-9+/=_-]+)/g);
      const given = Object.fromEntries([...pairs].map(([, name, value]) => [name, value]));
      const signerKey = Buffer.from(given.base64_signer_key ?? '', 'base64');
      const saltSeparator = Buffer.from(given.base64_salt_separator ?? '', 'base64');
      const [rounds, memCost] = [Number(given.rounds), Number(given.mem_cost)];
      if (
        signerKey.length < 32 ||
        saltSeparator.length === 0 ||
        !isFrom1To(8, rounds) ||
        !isFrom1To(14, memCost)
      )
        refuse(
          'must be the base64_signer_key, base64_salt_separator, rounds and mem_cost that the Firebase console shows',
        );
      return Object.freeze({ signerKey, saltSeparator, rounds, memCost });
    },
    write: () => '***',
  });
}

function isFrom1To(most: number, value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= most;
}
