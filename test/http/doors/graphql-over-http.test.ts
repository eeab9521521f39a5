import { expect, it } from '@jest/globals';
import { type AuditResult, auditServer } from 'graphql-http';
import { startApp } from '../../support/start-app.ts';

it('/graphql passes the audits of the GraphQL-over-HTTP working group (GQL-10)', async () => {
  const app = await startApp({ engine: 'sqlite', config: { introspection: true } });
  try {
    const url = await app.server.listen({ host: '127.0.0.1', port: 0 });
    const results = await auditServer({ url: `${url}/graphql` });
    const named = (status: AuditResult['status']) =>
      results.filter((result) => result.status === status).map(({ id, name }) => `${id} ${name}`);
    expect(results.length).toBeGreaterThan(55);
    expect(named('error')).toEqual([]);
    // All three want HTTP 200 for a document that cannot run, which a proxy's log would count as a success.
    expect(named('warn')).toEqual([
      '572B SHOULD use 200 status code on document parsing failure when accepting application/json',
      'FDE2 SHOULD use 200 status code on document validation failure when accepting application/json',
      '7B9B SHOULD use a status code of 200 on variable coercion failure when accepting application/json',
    ]);
  } finally {
    await app.stop();
  }
});
