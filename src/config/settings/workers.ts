import { availableParallelism } from 'node:os';
import type { Settings } from '../setting.ts';
import { integer } from '../values.ts';

export const WORKERS = {
  workers: {
    name: 'LATCHKEY_WORKERS',
    default: '1',
    description: 'Processes behind the one port, `1` to `64`; `auto` takes as many as there are cores',
    value: integer({ least: 1, most: 64, auto: availableParallelism }),
  },
} as const satisfies Settings;
