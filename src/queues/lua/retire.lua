--[[
  Ends a request's journal: no run writes to it from here on, and it goes some time later. A request that wrote none leaves an
  empty one, so that for as long it is known to have ended.

  KEYS[1]  journal   KEYS[2] sorted set of expiries
  ARGV[1]  fence that no run has   ARGV[2] time to live from now on, ms   ARGV[3] the request's id
]]
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('RPUSH', KEYS[1], ARGV[1], '')
else
  redis.call('LSET', KEYS[1], 0, ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[3])
