import 'reflect-metadata';
import { createVerifier, type Viewer } from '@latchkey/verify';
import { attachViewer, CurrentViewer, requireViewer } from '@latchkey/verify/nest';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule, ID, Query, Resolver } from '@nestjs/graphql';

const latchkey = createVerifier({ issuer: process.argv[2] ?? 'http://localhost:4000' });

@Resolver()
class PostsResolver {
  @Query(() => String, { description: 'Needs no token.' })
  @UseGuards(attachViewer(latchkey))
  greeting(@CurrentViewer() viewer?: Viewer): string {
    return `Hello, ${viewer?.userId ?? 'stranger'}`;
  }

  @Query(() => ID, { nullable: true, description: 'Needs an access token.' })
  @UseGuards(requireViewer(latchkey))
  viewerId(@CurrentViewer() viewer: Viewer): string {
    return viewer.userId;
  }

  @Query(() => [String], { nullable: true, description: 'Needs an access token with the scope posts:write.' })
  @UseGuards(requireViewer(latchkey, { requireScopes: ['posts:write'] }))
  drafts(@CurrentViewer() viewer: Viewer): string[] {
    return [`A draft of ${viewer.userId}`];
  }
}

@Controller()
class PostsController {
  @Get('drafts')
  @UseGuards(requireViewer(latchkey, { requireScopes: ['posts:write'] }))
  drafts(@CurrentViewer() viewer: Viewer): string[] {
    return [`A draft of ${viewer.userId}`];
  }
}

@Module({
  imports: [
    GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      // Where the code lies is not for clients to know.
      includeStacktraceInErrorResponses: false,
    }),
  ],
  controllers: [PostsController],
  providers: [PostsResolver],
})
class Api {}

const app = await NestFactory.create(Api, { logger: ['error', 'warn'] });
const port = Number(process.env.PORT ?? 4001);
await app.listen(port, '127.0.0.1');
console.log(`The API listens on http://localhost:${port}/graphql`);
