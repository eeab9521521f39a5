import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { createMetricsServer, type MetricsSource } from '../../src/metrics/server.ts';
import { LOGIN, REGISTER } from '../support/documents.ts';
import { describeApp, PASSWORD } from '../support/start-app.ts';

describeApp('the metrics', (start, engine) => {
  it('the metrics count requests by route and outcome, and contain nothing that a client chose (AUD-3)', async () => {
    const metrics = createMetrics();
    const app = await start({ metrics });
    const email = 'ada@example.com';
    await app.send(REGISTER.replace('Register(', 'Chosen('), { input: { email, password: PASSWORD } });
    await app.send(LOGIN, { input: { email, password: 'a wrong password of hers' } });
    await app.send(LOGIN, { input: { email, password: 'a wrong password of hers' } });
    await app.server.inject('/livez');
    await app.server.inject('/no/such/page?of=ada');

    const text = await metrics.read();
    const lines = text.split('\n');
    expect(lines).toContain('latchkey_requests_total{route="/graphql",code="OK"} 1');
    expect(lines).toContain('latchkey_requests_total{route="/graphql",code="INVALID_CREDENTIALS"} 2');
    expect(lines).toContain('latchkey_requests_total{route="/livez",code="OK"} 1');
    expect(lines).toContain('latchkey_requests_total{route="none",code="NOT_FOUND"} 1');
    expect(lines).toContain('latchkey_request_duration_seconds_count{route="/graphql"} 3');
    expect(text).not.toMatch(/ada|Chosen|password of|such/);
  });

  it('the metrics report the hashing queue, the database, its pool and the event loop', async () => {
    const metrics = createMetrics();
    const app = await start({ metrics });
    await app.send(REGISTER, { input: { email: 'ada@example.com', password: PASSWORD } });

    const text = await metrics.read();
    expect(text).toContain('latchkey_hashing_tasks{state="waiting"} 0\n');
    expect(text).toContain('latchkey_hashing_tasks{state="running"} 0\n');
    expect(text).toMatch(/latchkey_database_duration_seconds_count\{operation="transaction"\} [1-9]/);
    expect(text).toMatch(/nodejs_eventloop_lag_p99_seconds \d/);
    const pool = [...text.matchAll(/^latchkey_database_pool\{state="(\w+)"\} (\d+)$/gm)];
    expect(pool.map(([, state]) => state)).toEqual(engine === 'postgres' ? ['total', 'idle', 'waiting'] : []);
  });

  it('the metrics time failed work of the database, too, and leave the database as it is', async () => {
    const metrics = createMetrics();
    const app = await start();
    const database = metrics.watchDatabase(app.database);
    await expect(database.get('SELECT nothing FROM nowhere')).rejects.toBeDefined();
    await expect(
      database.transaction(async () => {
        await database.all('SELECT 1');
      }),
    ).rejects.toThrow('Inside a transaction');
    expect(database.dialect).toBe(engine);
    const text = await metrics.read();
    expect(text).toContain('latchkey_database_duration_seconds_count{operation="get"} 1');
    expect(text).toContain('latchkey_database_duration_seconds_count{operation="transaction"} 1');
  });
});

describe('the port of the metrics', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function listen(read: MetricsSource['read']) {
    const warnings: unknown[] = [];
    const logger = { warn: (...parts: unknown[]) => void warnings.push(parts) } as never;
    const server = createMetricsServer({ contentType: 'text/plain; version=0.0.4', read }, logger);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const ask = (path: string, init?: RequestInit) =>
      fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, init);
    return { ask, warnings };
  }

  it('the metrics port answers GET /metrics and nothing else', async () => {
    const { ask } = await listen(async () => 'up 1\n');
    const answer = await ask('/metrics');
    expect([answer.status, await answer.text()]).toEqual([200, 'up 1\n']);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect((await ask('/graphql')).status).toBe(404);
    expect((await ask('/metrics', { method: 'POST' })).status).toBe(405);
  });

  it('the metrics port answers 503 when the metrics cannot be read', async () => {
    const { ask, warnings } = await listen(async () => {
      throw new Error('a worker is silent');
    });
    const answer = await ask('/metrics');
    expect([answer.status, await answer.text()]).toEqual([503, '']);
    expect(warnings).toHaveLength(1);
  });
});
