/** One line on stderr that says how far the job is, and only where somebody is looking. */
import createSpinner from 'yocto-spinner';

export interface ProgressLine {
  show(text: string): void;
  /**
   * Calls `text` a few times a second until `done` settles, and shows what it returns. Rejects
   * when `text` throws: then what it looks at is broken.
   */
  during<T>(done: Promise<T>, text: () => string): Promise<T>;
  stop(): void;
}

const INTERVAL_MS = 200;

const SILENT: ProgressLine = {
  show() {},
  during: (done) => done,
  stop() {},
};

export function createProgressLine(): ProgressLine {
  if (!process.stderr.isTTY) return SILENT;
  const spinner = createSpinner({ stream: process.stderr, handleSignals: false }).start();
  return {
    show(text) {
      spinner.text = text;
    },
    async during(done, text) {
      let timer: NodeJS.Timeout | undefined;
      const broken = new Promise<never>((_, reject) => {
        timer = setInterval(() => {
          try {
            spinner.text = text();
          } catch (error) {
            reject(error);
          }
        }, INTERVAL_MS);
      });
      try {
        return await Promise.race([done, broken]);
      } finally {
        clearInterval(timer);
      }
    },
    stop() {
      spinner.stop();
    },
  };
}
