--[[
  Requests whose time is over while no worker holds them. Each is put off for a moment, so that one looks at it at a time. One
  that has ended, or is not there (yet: it is noted again once it is), is forgotten.

  KEYS[1]  sorted set: request ids by when they expire, or are to be looked at again, ms
  ARGV[1]  now, ms   ARGV[2] when to look again, ms   ARGV[3] requests to look at   ARGV[4] requests to return
  ARGV[5]  prefix of the decode queue's keys   ARGV[6] that of the prefill queue
  Reply: ids
]]
local due = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])) do
  local job = ARGV[5] .. id
  if redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', job, 'finishedOn') == 1 then
    redis.call('ZREM', KEYS[1], id)
  else
    local held = false
    for k = 5, 6 do
      held = held or redis.call('EXISTS', ARGV[k] .. id .. ':lock') == 1
    end
    if not held and #due == tonumber(ARGV[4]) then break end
    redis.call('ZADD', KEYS[1], ARGV[2], id)
    if not held then due[#due + 1] = id end
  end
end
return due
