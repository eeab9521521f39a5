const WIDTH = 30;
/** Carriage return, then erase to the end of the line (ECMA-48). */
const CLEAR = '\r\u001b[K';

type Terminal = Pick<NodeJS.WriteStream, 'write' | 'isTTY'>;

/** A bar on standard error, drawn where that is a terminal and nowhere else. */
export function createProgress(label: string, terminal: Terminal = process.stderr) {
  let percent = -1;
  return {
    /** @param share of the work that is done, 0 to 1. */
    show(share: number): void {
      const next = Math.floor(share * 100);
      if (!terminal.isTTY || next === percent) return;
      percent = next;
      const filled = Math.round(share * WIDTH);
      terminal.write(`${CLEAR}${label} ${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${next} %`);
    },

    /** Takes the bar away, so that a line can be printed; the next `show` draws it again. */
    clear(): void {
      if (terminal.isTTY && percent >= 0) terminal.write(CLEAR);
      percent = -1;
    },
  };
}
