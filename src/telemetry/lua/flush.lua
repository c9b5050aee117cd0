--[[
  Adds one batch of a writer to a pool's telemetry, exactly once: a batch that is sent again after an outage, because
  its answer was lost, is recognised by its number.

  KEYS[1]   writers: hash of writer id -> JSON {seq, sinceMs, throughMs, atMs, arrivals, closed}
  KEYS[2]   totals: hash; startedMs is set by the first batch of all
  KEYS[i]   i >= 3: a hash that the batch adds to
  ARGV[1]   writer id
  ARGV[2]   the writer's new JSON
  ARGV[3]   number of the batch, rising by writer
  ARGV[4]   now, Unix ms
  ARGV[5]   writers unheard of for so many ms are forgotten (looked at once by each new writer)
  then for each KEYS[i], i >= 3: time to live in seconds (0: for ever), n, field 1, increment 1 .. field n, increment n
  Reply: 1, or 0 when the batch was applied before.
]]
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and cjson.decode(known).seq >= tonumber(ARGV[3]) then return 0 end
if not known then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    if cjson.decode(all[i + 1]).atMs < ARGV[4] - ARGV[5] then redis.call('HDEL', KEYS[1], all[i]) end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSETNX', KEYS[2], 'startedMs', ARGV[4])
local at = 6
for i = 3, #KEYS do
  local ttl, n = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, n do
    redis.call('HINCRBY', KEYS[i], ARGV[at], ARGV[at + 1])
    at = at + 2
  end
  if ttl > 0 then redis.call('EXPIRE', KEYS[i], ttl) end
end
return 1
