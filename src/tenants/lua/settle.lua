--[[
  Gives back what a request held of its key's limits and charges what it used. Once for each request: the second call
  for the same one finds it gone.

  KEYS[1]  hash: key id -> record (JSON)
  KEYS[2]  sorted set of the key's open requests
  KEYS[3]  hash of the key's rates
  KEYS[4]  hash of the key's budget
  ARGV[1]  key id   ARGV[2] request id
  ARGV[3]  tokens taken and not used   ARGV[4] GPU-seconds used
  Reply: 1 settled, 0 it was already
]]
if redis.call('ZREM', KEYS[2], ARGV[2]) == 0 then return 0 end
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return 1 end
local record = cjson.decode(stored)
local back = tonumber(ARGV[3])
if record.tokensPerMinute ~= cjson.null and back ~= 0 then
  local full = tonumber(redis.call('HGET', KEYS[3], 'tokens'))
  if full then
    redis.call('HSET', KEYS[3], 'tokens', string.format('%.3f', full - back * 60000 / record.tokensPerMinute))
  end
end
local used = tonumber(ARGV[4])
if used > 0 then
  local period = 0
  if record.budget ~= cjson.null and record.budget.periodSeconds ~= cjson.null then
    local time = redis.call('TIME')
    period = math.floor(time[1] / record.budget.periodSeconds)
  end
  if tonumber(redis.call('HGET', KEYS[4], 'period')) ~= period then
    redis.call('HSET', KEYS[4], 'period', period, 'used', '0')
  end
  redis.call('HINCRBYFLOAT', KEYS[4], 'used', ARGV[4])
end
return 1
