import type { LoadProgress } from '../../simulator/load/run-load.js';
import type { StatusCollector } from '../../telemetry/status.js';
import { progressText } from '../report/progress.js';
import { renderStatus } from '../status/render.js';
import { compactStatus } from './compact.js';
import type { Screen } from './screen.js';

const LIVE_MS = 1_000;
/** A log should stay short. */
const LOG_MS = 10_000;

/** Shows the system while the demo runs: in place on a terminal, a compact block now and then elsewhere. */
export class DemoView {
  private progress: LoadProgress | undefined;
  private timer: NodeJS.Timeout | undefined;
  private drawing: Promise<void> = Promise.resolve();
  private shownMs = Date.now();

  constructor(
    private readonly collector: StatusCollector,
    private readonly screen: Screen,
    private readonly color: boolean,
  ) {}

  start(): void {
    let busy = false;
    this.timer = setInterval(
      () => {
        if (busy) return;
        busy = true;
        this.drawing = this.draw().finally(() => {
          busy = false;
        });
      },
      this.screen.live ? LIVE_MS : LOG_MS,
    );
  }

  note(progress: LoadProgress): void {
    this.progress = progress;
  }

  /** Leaves the last view standing. A second call does nothing. */
  async stop(): Promise<void> {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    await this.drawing;
    this.screen.close();
    await this.collector.close();
  }

  private async draw(): Promise<void> {
    const now = Date.now();
    try {
      const status = await this.collector.collect(now);
      const line = this.progress === undefined ? 'demo' : `demo: ${progressText(this.progress)}`;
      if (this.screen.live) {
        const { width } = this.screen;
        const text = renderStatus(status, { color: this.color, width });
        this.screen.draw([line.slice(0, width), '', ...text.split('\n')]);
      } else this.screen.draw([line, ...compactStatus(status, this.shownMs)]);
      this.shownMs = now;
    } catch {
      // Redis is away: the last view stays, and the run goes on.
    }
  }
}
