import type { Session } from '@latchkey/client';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { deviceOf } from '../device.ts';
import { problemOf } from '../errors.ts';
import { Page } from '../layout.tsx';
import { momentOf } from '../moments.ts';
import { withFreshProof } from '../proof.tsx';
import { texts } from '../texts/index.ts';

export function Sessions() {
  const [sessions, setSessions] = useState<readonly Session[]>();
  const [problem, setProblem] = useState('');
  const [news, setNews] = useState('');
  const [isBusy, setBusy] = useState(false);

  const load = useCallback(async () => {
    setProblem('');
    try {
      setSessions(await auth.sessions());
    } catch (error) {
      setProblem(problemOf(error).text);
    }
  }, []);
  useEffect(() => {
    void load();
  }, [load]);

  async function end(work: () => Promise<{ revokedSessions: number }>): Promise<void> {
    if (isBusy) return;
    setBusy(true);
    setNews('');
    setProblem('');
    try {
      const ended = await withFreshProof(work);
      if (ended === undefined) return;
      await load();
      setNews(texts.sessions.ended(ended.revokedSessions));
    } catch (error) {
      setProblem(problemOf(error).text);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Page title={texts.sessions.title}>
      <p>{texts.sessions.explain}</p>
      <p class="problem" role="alert">
        {problem}
      </p>
      <p role="status">{sessions === undefined && problem === '' ? texts.loading : news}</p>
      {sessions === undefined && problem !== '' && (
        <button type="button" onClick={load}>
          {texts.retry}
        </button>
      )}
      <ul class="rows">
        {sessions?.map((session) => (
          <SessionItem
            key={session.id}
            session={session}
            isBusy={isBusy}
            onEnd={() => end(() => auth.revokeSession({ id: session.id }))}
          />
        ))}
      </ul>
      {sessions?.length === 1 && <p class="muted">{texts.sessions.onlyThis}</p>}
      <div class="actions">
        {(sessions?.length ?? 0) > 1 && (
          <button
            type="button"
            aria-disabled={isBusy}
            onClick={() => end(() => auth.logout({ scope: 'OTHERS' }))}
          >
            {texts.sessions.endOthers}
          </button>
        )}
        {sessions !== undefined && (
          <button
            type="button"
            class="danger"
            aria-disabled={isBusy}
            onClick={() => end(() => auth.logout({ scope: 'ALL' }))}
          >
            {texts.sessions.endAll}
          </button>
        )}
      </div>
    </Page>
  );
}

interface SessionProps {
  readonly session: Session;
  readonly isBusy: boolean;
  readonly onEnd: () => void;
}

function SessionItem({ session, isBusy, onEnd }: SessionProps) {
  const device = session.deviceName ?? deviceOf(session.userAgent) ?? texts.sessions.unknownDevice;
  return (
    <li>
      <div>
        <strong>{device}</strong> {session.current && <span class="badge">{texts.sessions.current}</span>}
        <p class="muted">
          {texts.sessions.lastUsed(momentOf(session.lastUsedAt))}
          <br />
          {texts.sessions.since(momentOf(session.createdAt))}
          {session.ip !== null && (
            <>
              <br />
              {texts.sessions.place(session.ip)}
            </>
          )}
        </p>
      </div>
      {!session.current && (
        <button
          type="button"
          aria-label={texts.sessions.endLabel(device)}
          aria-disabled={isBusy}
          onClick={onEnd}
        >
          {texts.sessions.end}
        </button>
      )}
    </li>
  );
}
