/**
 * What work comes to, such as that which waits for Redis, where it ends well within the time. Else it is not ended, only not
 * waited for. Errors: those of the work; `late`.
 */
export async function inTime<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether work ended well within the time, however. */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  const ended = work.then(
    () => true,
    () => false,
  );
  return inTime(ended, ms, () => new Error('late')).catch(() => false);
}
