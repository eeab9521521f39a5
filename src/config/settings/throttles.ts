import type { Settings } from '../setting.ts';
import { flag, integer } from '../values.ts';

/** In development a network is one developer, who registers and fails often: milder there, and the start says so. */
export const THROTTLES = {
  throttles: {
    name: 'LATCHKEY_THROTTLES',
    default: 'on',
    description: '`off` stops counting failed logins, for load tests; refused in production',
    value: flag(),
  },
  accountFailures: {
    name: 'LATCHKEY_ACCOUNT_FAILURES',
    default: '5',
    description:
      'Failed logins in a row after which an account waits, 2, 4, 8 … seconds and at most 15 minutes; a known device and a live session have as many of their own',
    value: integer({ least: 1, most: 100 }),
  },
  accountDisableAfter: {
    name: 'LATCHKEY_ACCOUNT_DISABLE_AFTER',
    default: '100',
    description:
      'Failed passwords in a row, at all doors together, that disable a password for strangers until it is set anew; the same number from known devices closes those, and from a session that session',
    value: integer({ least: 10, most: 100 }),
  },
  networkFailures: {
    name: 'LATCHKEY_NETWORK_FAILURES',
    default: '10',
    developmentDefault: '100',
    description:
      'Failed password checks of one network (IPv4 address, IPv6 /64) in 5 minutes; an IPv6 /48 has sixteen times this and every other limit of a network',
    value: integer({ least: 1, most: 100_000 }),
  },
  networkChecks: {
    name: 'LATCHKEY_NETWORK_CHECKS',
    default: '30',
    developmentDefault: '300',
    description:
      'Password checks of one network in a minute, right ones too; and right ones of an account’s live sessions',
    value: integer({ least: 1, most: 100_000 }),
  },
  networkRegistrations: {
    name: 'LATCHKEY_NETWORK_REGISTRATIONS',
    default: '10',
    developmentDefault: '1000',
    description: 'Registrations of one network in 5 minutes',
    value: integer({ least: 1, most: 100_000 }),
  },
  addressMails: {
    name: 'LATCHKEY_ADDRESS_MAILS',
    default: '3',
    developmentDefault: '30',
    description:
      'Mails with a link of one kind to one address in an hour, or while the link lives if that is shorter; more are answered as ever and not sent, and the newest link goes on working',
    value: integer({ least: 1, most: 100_000 }),
  },
  networkMails: {
    name: 'LATCHKEY_NETWORK_MAILS',
    default: '10',
    developmentDefault: '100',
    description: 'Mails with a link that one network can ask for in an hour',
    value: integer({ least: 1, most: 100_000 }),
  },
  refreshFailures: {
    name: 'LATCHKEY_REFRESH_FAILURES',
    default: '150',
    description:
      'Failed refreshes of one network or session in 5 minutes; those that succeed are not counted',
    value: integer({ least: 1, most: 100_000 }),
  },
} as const satisfies Settings;
