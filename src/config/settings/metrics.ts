import type { Settings } from '../setting.ts';
import { flag, host, integer } from '../values.ts';

export const METRICS = {
  metrics: {
    name: 'LATCHKEY_METRICS',
    default: 'off',
    description: '`on` serves `/metrics` to Prometheus, on a port of its own',
    value: flag(),
  },
  metricsHost: {
    name: 'LATCHKEY_METRICS_HOST',
    default: '127.0.0.1',
    description: 'Address or name to serve the metrics on, where they ask nobody who they are',
    value: host(),
  },
  metricsPort: {
    name: 'LATCHKEY_METRICS_PORT',
    default: '9464',
    description: 'Port of the metrics; `0` takes any free one and prints it',
    value: integer({ least: 0, most: 65_535 }),
  },
} as const satisfies Settings;
