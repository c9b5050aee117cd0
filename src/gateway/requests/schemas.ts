import { z } from 'zod';

/** What the asynchronous API adds to the bodies of the endpoints. */
export const asyncBodySchema = z.looseObject({
  webhook: z.strictObject({ url: z.string().max(2048) }).nullish(),
});
