--[[
  Lets the request that has stood aside longest go before all others, once its bound has passed.

  KEYS[1]  sorted set of a queue's waiting jobs (BullMQ: score = priority * 2^32 + counter)
  ARGV[1]  lowest score of those that stand aside
  ARGV[2]  highest score of those whose bound has passed
  ARGV[3]  prefix of the queue's job keys
  ARGV[4]  priority of those that were let go first
  Reply: id of the job, or false
]]
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, 1)
local id = ids[1]
if not id then
  return false
end
redis.call('ZADD', KEYS[1], ARGV[4] * 4294967296, id)
redis.call('HSET', ARGV[3] .. id, 'priority', ARGV[4])
return id
