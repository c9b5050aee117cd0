--[[
  Ends a request that no worker holds: it leaves its queues and its end is recorded, in one step, so that it ends once and no
  worker takes it after. One whose worker is gone waits too: its lock has run out.

  KEYS[1]  the request's job on the decode queue (BullMQ)   KEYS[2]  its job on the prefill queue
  KEYS[3]  string: how it ended   KEYS[4]  sorted set of expiries
  ARGV[1]  its id   ARGV[2] the record of its end   ARGV[3] how long that is kept, s
  ARGV[4]  prefix of the decode queue's keys   ARGV[5] that of the prefill queue
  Reply: 1 it was ended, 0 it is none of those that wait: held by a worker (or one died as it moved it to another pool), 2 there
  is none that is open
]]
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'finishedOn') == 1 then
  redis.call('ZREM', KEYS[4], ARGV[1])
  return 2
end
for k = 1, 2 do
  if redis.call('EXISTS', KEYS[k] .. ':lock') == 1 then return 0 end
end
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
redis.call('SET', KEYS[3], ARGV[2], 'EX', ARGV[3])
redis.call('ZREM', KEYS[4], ARGV[1])
for k = 1, 2 do
  local queue = ARGV[3 + k]
  for _, state in ipairs({ 'prioritized', 'waiting-children', 'delayed', 'completed', 'failed' }) do
    redis.call('ZREM', queue .. state, ARGV[1])
  end
  for _, state in ipairs({ 'wait', 'paused', 'active' }) do
    redis.call('LREM', queue .. state, 0, ARGV[1])
  end
  redis.call('SREM', queue .. 'stalled', ARGV[1])
  for _, part in ipairs({ '', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful' }) do
    redis.call('DEL', KEYS[k] .. part)
  end
end
return 1
