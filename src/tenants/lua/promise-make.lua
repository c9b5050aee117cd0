--[[
  Promises a refused request a time at which it will be taken: the first whole second from now, not before `earliest`,
  about which no more is promised than the pool can take.

  KEYS[1]  sorted set of all promises of a pool: member, score = Unix ms when due
  KEYS[2]  the same of one tenant
  KEYS[3]  the same of one request (by what it asks for)
  ARGV[1]  now, Unix ms   ARGV[2] member   ARGV[3] earliest, seconds from now   ARGV[4] half of the window, ms
  ARGV[5]  most promises in a window   ARGV[6] most seconds to look ahead
  Reply: seconds from now; beyond the most nothing is promised
]]
local now, half, most = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5])
local seconds = math.max(1, math.ceil(tonumber(ARGV[3])))
local limit = tonumber(ARGV[6])
while seconds <= limit do
  local due = now + seconds * 1000
  if redis.call('ZCOUNT', KEYS[1], due - half, due + half) < most then
    for k = 1, 3 do
      redis.call('ZADD', KEYS[k], due, ARGV[2])
      redis.call('PEXPIRE', KEYS[k], limit * 1000 + 60000)
    end
    return seconds
  end
  seconds = seconds + 1
end
return limit
