import type { LoadProgress } from '../../simulator/load/run-load.js';

/** Seconds between two lines where the output is no terminal. */
const LINE_SECONDS = 5;

/** Prints progress: one line that is rewritten on a terminal, a line every few seconds otherwise. */
export class ProgressLine {
  private lastLineAt = -LINE_SECONDS;
  private open = false;

  constructor(
    private readonly out: { isTTY?: boolean; columns?: number; write(text: string): unknown },
    private readonly label: string,
  ) {}

  show(progress: LoadProgress): void {
    const line = `${this.label}: ${progressText(progress)}`;
    if (this.out.isTTY) {
      this.out.write(`\r\x1b[2K${line.slice(0, (this.out.columns ?? 80) - 1)}`);
      this.open = true;
    } else if (progress.elapsedSeconds - this.lastLineAt >= LINE_SECONDS) {
      this.lastLineAt = progress.elapsedSeconds;
      this.out.write(`${line}\n`);
    }
  }

  /** A line of its own. */
  note(line: string): void {
    this.finish();
    this.out.write(`${this.label}: ${line}\n`);
  }

  finish(): void {
    if (this.open) this.out.write('\n');
    this.open = false;
  }
}

export function progressText(progress: LoadProgress): string {
  const { elapsedSeconds, submitted, total, open, completed, attained, otherwise, tokens, lateSeconds } =
    progress;
  const kept = completed === 0 ? '-' : `${((attained / completed) * 100).toFixed(1)} %`;
  const late = lateSeconds >= 0.1 ? `, driver ${lateSeconds.toFixed(1)} s late` : '';
  return (
    `${elapsedSeconds.toFixed(0)} s, ${submitted}/${total} submitted, ${open} open, ${completed} completed ` +
    `(${kept} within SLO), ${otherwise} otherwise, ${tokens} tokens${late}`
  );
}
