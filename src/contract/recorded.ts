/** What is on record of one pool's requests in one minute. Lengths are tokens, each with how many requests had it. */
export interface RecordedMinute {
  /** Unix seconds. */
  startSecond: number;
  /** Requests that came, taken or refused: [second of the minute, how many]. */
  arrivals: [second: number, count: number][];
  /** Of those that came; within 5 %. */
  prompts: LengthCount[];
  /** Of those that completed in this minute, whenever they came; within 5 %. */
  outputs: LengthCount[];
}

export type LengthCount = [tokens: number, count: number];
