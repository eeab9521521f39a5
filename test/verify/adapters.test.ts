import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { expressMiddleware } from '@as-integrations/express5';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import { afterAll, describe, expect, it } from '@jest/globals';
import 'reflect-metadata';
import { Controller, type ExecutionContext, Get, Module, Req, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import express from 'express';
import fastify from 'fastify';
import { createSchema, createYoga } from 'graphql-yoga';
import mercurius from 'mercurius';
import * as onExpress from '../../packages/verify/src/express.ts';
import * as onFastify from '../../packages/verify/src/fastify.ts';
import { type AuthContext, latchkeyContext, requireViewer } from '../../packages/verify/src/mercurius.ts';
import * as onNest from '../../packages/verify/src/nest.ts';
import { createTestIssuer, type TestToken } from '../../packages/verify/src/testing.ts';
import {
  createVerifier,
  type Requirements,
  type Verifier,
  type Viewer,
} from '../../packages/verify/src/verifier.ts';
import { until } from '../support/until.ts';

const issuer = await createTestIssuer();
const verifier = createVerifier(issuer.verifierOptions);
/** Of an issuer that is away. */
const away = createVerifier({ issuer: issuer.issuer, fetch: () => Promise.reject(new TypeError('refused')) });

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops) await stop();
});

/** The address of a server of Node.js that was told to listen. */
async function addressOf(server: Server): Promise<string> {
  stops.push(() => server.close());
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const typeDefs = 'type Query { greeting: String, viewerId: String, drafts: String, payout: String }';
const resolvers = {
  Query: {
    greeting: () => 'hello',
    viewerId: (_parent: unknown, _args: unknown, context: AuthContext) => requireViewer(context).userId,
    drafts: (_parent: unknown, _args: unknown, context: AuthContext) =>
      requireViewer(context, { requireScopes: ['posts:write'] }).userId,
    payout: (_parent: unknown, _args: unknown, context: AuthContext) =>
      requireViewer(context, { requireAcr: 'aal2', maxAuthAgeSeconds: 300 }).userId,
  },
};
const LOCAL = { host: '127.0.0.1', port: 0 } as const;

const createApollo = () => new ApolloServer<AuthContext>({ typeDefs, resolvers });

const GRAPHQL: readonly (readonly [string, (verifier: Verifier) => Promise<string>])[] = [
  [
    'Apollo Server',
    async (verifier) => {
      const server = createApollo();
      stops.push(() => server.stop());
      return (await startStandaloneServer(server, { listen: LOCAL, context: latchkeyContext(verifier) })).url;
    },
  ],
  [
    'Apollo Server on Express',
    async (verifier) => {
      const server = createApollo();
      await server.start();
      const app = express();
      app.use('/graphql', express.json(), expressMiddleware(server, { context: latchkeyContext(verifier) }));
      return `${await addressOf(app.listen(0, LOCAL.host))}/graphql`;
    },
  ],
  [
    'Apollo Server on Fastify',
    async (verifier) => {
      const server = createApollo();
      await server.start();
      const app = fastify();
      stops.push(() => app.close());
      app.post('/graphql', fastifyApolloHandler(server, { context: latchkeyContext(verifier) }));
      return `${await app.listen(LOCAL)}/graphql`;
    },
  ],
  [
    'Yoga on Fastify',
    async (verifier) => {
      const yoga = createYoga({
        schema: createSchema<AuthContext>({ typeDefs, resolvers }),
        context: latchkeyContext(verifier),
        logging: false,
      });
      const app = fastify();
      stops.push(() => app.close());
      app.addContentTypeParser('application/json', {}, (_request, _payload, done) => done(null));
      app.route({
        url: yoga.graphqlEndpoint,
        method: 'POST',
        handler: (request, reply) => yoga.handleNodeRequestAndResponse(request, reply),
      });
      return `${await app.listen(LOCAL)}${yoga.graphqlEndpoint}`;
    },
  ],
  [
    'mercurius',
    async (verifier) => {
      const app = fastify();
      stops.push(() => app.close());
      await app.register(mercurius, { schema: typeDefs, resolvers, context: latchkeyContext(verifier) });
      return `${await app.listen(LOCAL)}/graphql`;
    },
  ],
];

async function bearerOf(token: TestToken | undefined): Promise<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${await issuer.sign(token)}` };
}

async function query(url: string, field: string, token?: TestToken) {
  const headers = { 'content-type': 'application/json', ...(await bearerOf(token)) };
  const body = JSON.stringify({ query: `{ greeting ${field} }` });
  const { status, ...response } = await fetch(url, { method: 'POST', headers, body }).then(
    async (answer) => ({
      status: answer.status,
      ...(await answer.json()),
    }),
  );
  const { stacktrace: _, ...extensions } = response.errors?.[0].extensions ?? {};
  return { status, data: response.data, ...(response.errors && { extensions }) };
}

const refused = (field: string, extensions: object) => ({
  status: 200,
  data: { greeting: 'hello', [field]: null },
  extensions,
});

describe.each(GRAPHQL)('a GraphQL API of %s', (name, start) => {
  it(`${name} has the viewer of a token in its context, and requirements of single fields`, async () => {
    const url = await start(verifier);
    const granted = { userId: 'ada', scope: ['posts:write'], acr: 'aal2' };
    for (const field of ['viewerId', 'drafts', 'payout'])
      expect(await query(url, field, granted)).toEqual({
        status: 200,
        data: { greeting: 'hello', [field]: 'ada' },
      });
  });

  it.each<[string, string, TestToken | undefined, object]>([
    ['no token', 'viewerId', undefined, { code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' }],
    [
      'an expired token',
      'viewerId',
      { expiresInSeconds: -60 },
      { code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' },
    ],
    [
      'a token for others',
      'drafts',
      { claims: { aud: 'x' } },
      { code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' },
    ],
    ['a missing scope', 'drafts', { scope: ['posts'] }, { code: 'FORBIDDEN', reason: 'INSUFFICIENT_SCOPE' }],
    ['a weak authentication', 'payout', {}, { code: 'REAUTHENTICATION_REQUIRED' }],
    [
      'an old authentication',
      'payout',
      { acr: 'aal2', authenticatedAt: Math.floor(Date.now() / 1_000) - 301 },
      { code: 'REAUTHENTICATION_REQUIRED' },
    ],
  ])(
    `${name} refuses for %s the field alone, by the codes of the server`,
    async (_, field, token, extensions) => {
      expect(await query(await start(verifier), field, token)).toEqual(refused(field, extensions));
    },
  );

  it(`${name} signs no user out while no keys can be had`, async () => {
    expect(await query(await start(away), 'viewerId', {})).toEqual(
      refused('viewerId', { code: 'UNAVAILABLE', retryAfter: 1 }),
    );
  });
});

const HTTP: readonly (readonly [string, (verifier: Verifier, required: Requirements) => Promise<string>])[] =
  [
    [
      'Express',
      async (verifier, required) => {
        const app = express();
        const { attachViewer, requireViewer } = onExpress;
        app.get('/open', attachViewer(verifier), (request, response) => {
          response.json([request.viewer?.userId, request.authError]);
        });
        app.get('/closed', requireViewer(verifier, required), (request, response) => {
          response.json([request.viewer?.userId]);
        });
        return addressOf(app.listen(0, LOCAL.host));
      },
    ],
    [
      'Fastify',
      async (verifier, required) => {
        const app = fastify();
        stops.push(() => app.close());
        const { attachViewer, requireViewer } = onFastify;
        app.get('/closed', { onRequest: requireViewer(verifier, required) }, async (request) => [
          request.viewer?.userId,
        ]);
        await app.register(attachViewer(verifier));
        app.get('/open', async (request) => [request.viewer?.userId, request.authError]);
        return app.listen(LOCAL);
      },
    ],
    [
      'Nest',
      async (verifier, required) => {
        const { attachViewer, CurrentViewer, requireViewer } = onNest;
        class Api {
          open(viewer: Viewer | undefined, request: { authError?: string }) {
            return [viewer?.userId, request.authError];
          }
          closed(viewer: Viewer) {
            return [viewer.userId];
          }
        }
        decorate(Api, 'open', [Get('open'), UseGuards(attachViewer(verifier))], [CurrentViewer(), Req()]);
        decorate(
          Api,
          'closed',
          [Get('closed'), UseGuards(requireViewer(verifier, required))],
          [CurrentViewer()],
        );
        Controller()(Api);
        class App {}
        Module({ controllers: [Api] })(App);
        const app = await NestFactory.create(App, new ExpressAdapter(), { logger: false });
        stops.push(() => app.close());
        await app.listen(0, LOCAL.host);
        return app.getUrl();
      },
    ],
  ];

/** What the compiler makes of decorators: the syntax is none of JavaScript's. */
function decorate(
  target: { prototype: object },
  name: string,
  decorators: readonly MethodDecorator[],
  parameters: readonly ParameterDecorator[],
): void {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name) ?? {};
  for (const apply of decorators) apply(target.prototype, name, descriptor);
  for (const [index, apply] of parameters.entries()) apply(target.prototype, name, index);
}

async function get(url: string, token?: TestToken) {
  const response = await fetch(url, { headers: await bearerOf(token) });
  const challenge = response.headers.get('www-authenticate');
  return { status: response.status, challenge, body: await response.json() };
}

describe.each(HTTP)('an HTTP API of %s', (name, start) => {
  it(`${name} lets the viewer of a good token in`, async () => {
    const url = await start(verifier, { requireScopes: ['posts:read'], requireRoles: ['editor'] });
    const token = { userId: 'ada', scope: ['posts:read'], roles: ['editor'] };
    expect(await get(`${url}/closed`, token)).toMatchObject({ status: 200, body: ['ada'] });
  });

  it(`${name} says on an open route who asks, or why that is not known`, async () => {
    const url = await start(verifier, {});
    expect((await get(`${url}/open`, { userId: 'ada' })).body).toEqual(['ada', null]);
    expect((await get(`${url}/open`)).body).toEqual([null, 'TOKEN_MISSING']);
    expect((await get(`${url}/open`, { expiresInSeconds: -60 })).body).toEqual([null, 'TOKEN_EXPIRED']);
  });

  it.each<[string, Requirements, TestToken | undefined, number, string, object]>([
    ['no token', {}, undefined, 401, 'Bearer', { code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' }],
    [
      'an expired token',
      {},
      { expiresInSeconds: -60 },
      401,
      'Bearer error="invalid_token", error_description="The access token has expired"',
      { code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' },
    ],
    [
      'a token for others',
      {},
      { claims: { aud: 'x' } },
      401,
      'Bearer error="invalid_token"',
      { code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' },
    ],
    [
      'a missing scope',
      { requireScopes: ['posts:read', 'posts:write'] },
      { scope: ['posts:read'] },
      403,
      'Bearer error="insufficient_scope", scope="posts:read posts:write"',
      { code: 'FORBIDDEN', reason: 'INSUFFICIENT_SCOPE' },
    ],
    [
      'a missing role',
      { requireRoles: ['admin'] },
      { roles: ['editor'] },
      403,
      'Bearer error="insufficient_scope"',
      { code: 'FORBIDDEN', reason: 'INSUFFICIENT_SCOPE' },
    ],
    [
      'a weak authentication',
      { requireAcr: 'aal2', maxAuthAgeSeconds: 300 },
      {},
      401,
      'Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300"',
      { code: 'REAUTHENTICATION_REQUIRED' },
    ],
  ])(
    `${name} answers %s with the challenge of RFC 6750 or RFC 9470`,
    async (_, required, token, status, challenge, body) => {
      const url = await start(verifier, required);
      expect(await get(`${url}/closed`, token)).toMatchObject({ status, challenge, body });
    },
  );

  it(`${name} answers 503 and no challenge while no keys can be had`, async () => {
    const url = await start(away, {});
    const response = await fetch(`${url}/closed`, { headers: await bearerOf({}) });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(response.headers.get('www-authenticate')).toBeNull();
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ code: 'UNAVAILABLE', retryAfter: 1 });
  });

  it(`${name} refuses requirements that are misspelled when it starts`, async () => {
    for (const required of [
      { requireScopes: 'posts:read' },
      { requireScopes: ['posts read'] },
      { requireRoles: [''] },
      { requireAcr: 'a"b' },
      { maxAuthAgeSeconds: -1 },
    ])
      await expect(start(verifier, required as Requirements)).rejects.toThrow(TypeError);
  });
});

describe('the adapters at the edges of their servers', () => {
  it.each([onExpress.attachViewer(verifier), onExpress.requireViewer(away)])(
    'a middleware of Express leaves an answer alone that another one has sent meanwhile',
    async (middleware) => {
      let outcome: unknown;
      const server = createServer((request, response) => {
        const verified = middleware(request, response, () => {
          response.setHeader('x', 'late');
        });
        response.statusCode = 504;
        response.end();
        verified.then(
          () => {
            outcome = 'nothing';
          },
          (error: unknown) => {
            outcome = error;
          },
        );
      }).listen(0, LOCAL.host);
      const response = await fetch(await addressOf(server), { headers: await bearerOf({}) });
      expect(response.status).toBe(504);
      await until(() => outcome);
      expect(outcome).toBe('nothing');
    },
  );

  it('the context function finds the request of every integration of Apollo Server, and never throws', async () => {
    const context = latchkeyContext(verifier);
    const request = { headers: await bearerOf({ userId: 'ada' }) };
    for (const first of [request, { req: request }, { request }, { event: request }, { ctx: request }])
      expect((await context(first)).viewer?.userId).toBe('ada');
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const first of [undefined, null, {}, proxy])
      expect(await context(first)).toEqual({ viewer: undefined, authError: 'TOKEN_MISSING' });
    for (const wrong of [undefined, null, {}, { viewer: null } as unknown as AuthContext])
      expect(() => requireViewer(wrong as Partial<AuthContext>)).toThrow(
        expect.objectContaining({ extensions: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' } }),
      );
  });

  it('an app of Fastify has a verifier for the whole of it and another for a part of it', async () => {
    const other = await createTestIssuer();
    const app = fastify();
    stops.push(() => app.close());
    const { attachViewer } = onFastify;
    const answer = async (request: { viewer?: Viewer | undefined; authError?: string | undefined }) => [
      request.viewer?.userId,
      request.authError,
    ];
    await app.register(attachViewer(verifier));
    await app.register(async (part) => {
      await part.register(attachViewer(createVerifier(other.verifierOptions)));
      part.get('/part', answer);
      part.get('/both', { onRequest: onFastify.requireViewer(verifier) }, answer);
    });
    app.get('/whole', answer);
    const url = await app.listen(LOCAL);
    const ask = async (path: string) => (await get(`${url}${path}`, { userId: 'ada' })).body;
    expect(await ask('/whole')).toEqual(['ada', null]);
    expect(await ask('/part')).toEqual([null, 'TOKEN_INVALID']);
    expect(await ask('/both')).toEqual(['ada', null]);
  });

  it('each field of a Nest operation has the viewer of its own guard', async () => {
    const { attachViewer, CurrentViewer, requireViewer } = onNest;
    class Resolver {}
    CurrentViewer()(Resolver.prototype, 'field', 0);
    const [{ factory }] = Object.values(Reflect.getMetadata('__routeArguments__', Resolver, 'field')) as [
      { factory: (data: unknown, context: ExecutionContext) => Viewer | undefined },
    ];
    const other = createVerifier((await createTestIssuer()).verifierOptions);
    const shared = { req: { headers: await bearerOf({ userId: 'ada' }) } };
    const fieldOf = () => {
      const args = [undefined, {}, shared, {}];
      return { getType: () => 'graphql', getArgs: () => args } as unknown as ExecutionContext;
    };
    const [mine, theirs, unguarded] = [fieldOf(), fieldOf(), fieldOf()];
    for (const [guard, context] of [
      [requireViewer(verifier), mine],
      [attachViewer(other), theirs],
    ] as const)
      expect(await guard.canActivate(context)).toBe(true);
    expect(factory(undefined, mine)?.userId).toBe('ada');
    expect(factory(undefined, theirs)).toBeUndefined();
    expect(factory(undefined, unguarded)?.userId).toBe('ada');
  });
});
