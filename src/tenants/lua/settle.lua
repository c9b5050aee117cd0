--[[
  Gives back what a request held of its key's limits and charges what it used. Once for each request: the second call
  for the same one finds it gone. Of several senders that hold its place, one that did not send it leaves it to the rest.

  KEYS[1]  hash: key id -> record (JSON)
  KEYS[2]  sorted set of the key's open requests
  KEYS[3]  hash of the key's rates
  KEYS[4]  hash of the key's budget
  KEYS[5]  hash: open request id -> senders that hold its place besides the first
  ARGV[1]  key id   ARGV[2] request id
  ARGV[3]  tokens taken and not used   ARGV[4] GPU-seconds used   ARGV[5] 1: it was not sent, and counts as no request
  Reply: 1 settled, 0 it was already, or others hold its place
]]
local others = tonumber(redis.call('HGET', KEYS[5], ARGV[2])) or 0
if others > 0 and ARGV[5] == '1' then
  redis.call('HINCRBY', KEYS[5], ARGV[2], -1)
  return 0
end
redis.call('HDEL', KEYS[5], ARGV[2])
if redis.call('ZREM', KEYS[2], ARGV[2]) == 0 then return 0 end
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if not stored then return 1 end
local record = cjson.decode(stored)

-- A bucket that is full again in the past is as one that is full now (take.lua), so none gets more than it holds.
local function giveBack(field, perMinute, amount)
  if perMinute == cjson.null or amount == 0 then return end
  local full = tonumber(redis.call('HGET', KEYS[3], field))
  if full then redis.call('HSET', KEYS[3], field, string.format('%.3f', full - amount * 60000 / perMinute)) end
end
giveBack('tokens', record.tokensPerMinute, tonumber(ARGV[3]))
giveBack('requests', record.requestsPerMinute, tonumber(ARGV[5]))

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
