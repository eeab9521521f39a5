import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { engines, freshDatabase } from '../support/databases.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { askUntilAnswered, createClient } from './support/client.ts';
import { contradictions, populate } from './support/population.ts';
import { freePort, type Server, type ServerSettings, spawnServer, startServer } from './support/server.ts';

/** On each engine. */
const KILLS = process.env.FAULTS === 'full' ? 100 : 20;
const CLIENTS = 100;
const PAUSE_MS = 400;
const READY_WITHIN_MS = 5_000;
const SLOWER_UNDER_LOAD = 5;
const TIME_LIMIT_MS = KILLS * 5_000 + 60_000;

const build = useBuild();
const cleanups = useCleanups();

describe.each(engines)('kill -9 of a random process on %s', (engine) => {
  it(
    `kill -9 of a random process, ${KILLS} times, loses nothing that was acknowledged to ${CLIENTS} clients (CR-2)`,
    async () => {
      const fresh = await freshDatabase(engine);
      cleanups.push(fresh.drop);
      const secret = randomBytes(32).toString('base64url');
      const settings: ServerSettings[] = [];
      for (const port of [await freePort(), await freePort()])
        settings.push({ databaseUrl: fresh.url, secret, port });
      const servers: Server[] = [];
      cleanups.push(() => Promise.all(servers.map((server) => server.kill())));
      const firstStarts: number[] = [];
      for (const one of settings) {
        const server = await startServer(build, one);
        servers.push(server);
        firstStarts.push(server.readyAfterMs);
      }

      const client = createClient();
      cleanups.push(client.close);
      const origins = servers.map(({ origin }) => origin);
      const people = populate({
        size: CLIENTS,
        ask: (question) => askUntilAnswered(client, origins, question),
        pauseMs: PAUSE_MS,
      });
      cleanups.push(people.stop);
      await people.arrived;

      const starts: Promise<number | false>[] = [];
      for (let kill = 0; kill < KILLS; kill += 1) {
        await pause(500 + Math.random() * 2_500);
        const victim = Math.floor(Math.random() * servers.length);
        const [server, setting] = [servers[victim], settings[victim]];
        if (server === undefined || setting === undefined) throw new Error('nobody to kill');
        expect(server.hasEnded()).toBe(false);
        await server.kill();
        servers[victim] = spawnServer(build, setting);
        starts.push(servers[victim].ready());
      }
      const readyMs = (await Promise.all(starts)).filter((ms) => ms !== false);
      await people.stop();

      expect(people.ledger.surprises).toEqual([]);
      expect(await contradictions(fresh.database, people.ledger)).toEqual([]);
      expect(servers.flatMap(({ complaints }) => complaints)).toEqual([]);
      // Clients, servers and all else that runs share the cores: where a start in peace takes seconds already, one in
      // the middle of all this may take longer than the five that it has otherwise.
      const limit = Math.max(READY_WITHIN_MS, SLOWER_UNDER_LOAD * Math.min(...firstStarts));
      expect(Math.max(...readyMs)).toBeLessThan(limit);
      expect(people.ledger.accounts.size).toBeGreaterThanOrEqual(CLIENTS);
      if (engine === 'sqlite')
        expect(await fresh.database.all('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    },
    TIME_LIMIT_MS,
  );
});
