import type { Redis } from 'ioredis';

/** What is sent in one turn of the event loop goes in one write: a system call costs more than the commands in it. */
export function gatherWrites(redis: Redis): void {
  redis.on('connect', () => gather(redis.stream));
}

function gather(stream: Redis['stream']): void {
  const write = stream.write.bind(stream);
  let gathering = false;
  const flush = () => {
    gathering = false;
    stream.uncork();
  };
  Reflect.set(stream, 'write', (...args: unknown[]) => {
    if (!gathering) {
      gathering = true;
      stream.cork();
      setImmediate(flush);
    }
    return Reflect.apply(write, stream, args);
  });
}
