import { useCallback, useEffect, useState } from 'preact/hooks';
import { problemOf } from './errors.ts';
import { texts } from './texts/index.ts';

/** What the server was asked for. Undefined until it answered; `problem` says why it did not. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly problem: string;
  readonly reload: () => Promise<void>;
}

/** Asks the server once, and again when `reload` is called. `read` stays the same function. */
export function useLoaded<Value>(read: () => Promise<Value>): Loaded<Value> {
  const [value, setValue] = useState<Value>();
  const [problem, setProblem] = useState('');
  const reload = useCallback(async () => {
    setProblem('');
    try {
      setValue(await read());
    } catch (error) {
      setProblem(problemOf(error).text);
    }
  }, [read]);
  useEffect(() => {
    void reload();
  }, [reload]);
  return { value, problem, reload };
}

/** In the place of what the server has not said yet. */
export function Waiting({ problem, reload }: Pick<Loaded<unknown>, 'problem' | 'reload'>) {
  if (problem === '')
    return (
      <p role="status" class="muted">
        {texts.loading}
      </p>
    );
  return (
    <>
      <p class="problem" role="alert">
        {problem}
      </p>
      <button type="button" onClick={reload}>
        {texts.retry}
      </button>
    </>
  );
}
