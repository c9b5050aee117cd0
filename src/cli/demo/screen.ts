export interface ScreenOutput {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
}

const FILE_WIDTH = 160;
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** Draws a block of lines over the last one on a terminal; prints it below elsewhere. */
export class Screen {
  private drawn = 0;
  private readonly restore = () => this.out.write(SHOW_CURSOR);

  constructor(private readonly out: ScreenOutput) {
    if (!out.isTTY) return;
    out.write(HIDE_CURSOR);
    process.on('exit', this.restore);
  }

  get live(): boolean {
    return this.out.isTTY === true;
  }

  /** Columns that a line may fill: one that wraps could not be drawn over. */
  get width(): number {
    return this.live ? (this.out.columns ?? 80) - 1 : FILE_WIDTH;
  }

  draw(lines: readonly string[]): void {
    if (!this.live) {
      this.out.write(`${lines.join('\n')}\n\n`);
      return;
    }
    // A block that scrolls could not be drawn over.
    const shown = lines.slice(0, (this.out.rows ?? 24) - 1);
    const up = this.drawn > 0 ? `\x1b[${this.drawn}A` : '';
    this.out.write(`${up}\r\x1b[J${shown.join('\n')}\n`);
    this.drawn = shown.length;
  }

  /** Leaves the last block standing and gives the cursor back. */
  close(): void {
    if (!this.live) return;
    process.off('exit', this.restore);
    this.restore();
  }
}
