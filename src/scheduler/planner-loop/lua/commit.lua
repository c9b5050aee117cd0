--[[
Writes what one tick of a planner came to, all of it or nothing, and keeps the planner's right to act. A planner that was
paused and lost that right to another writes nothing, also once the other has given it back.
KEYS[1] lock   KEYS[2] snapshot   KEYS[3] transition stream   KEYS[4] list of operator commands
KEYS[5] stream of decisions   KEYS[6] who had that right last
ARGV[1] owner   ARGV[2] lock time to live, ms   ARGV[3] snapshot JSON   ARGV[4] operator commands taken
ARGV[5] transitions kept (about)   ARGV[6] decisions kept (about)   ARGV[7] ms that both are kept
ARGV[8] transitions that follow   ARGV[9..] transition records, then decision records, JSON
reply   1, or 0: another planner has the right, or had it meanwhile
]]
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
local last = redis.call('GET', KEYS[6])
if last and last ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[3])
if tonumber(ARGV[4]) > 0 then redis.call('LTRIM', KEYS[4], ARGV[4], -1) end
local last = 8 + tonumber(ARGV[8])
for i = 9, last do
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'record', ARGV[i])
end
for i = last + 1, #ARGV do
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], '*', 'record', ARGV[i])
end
local time = redis.call('TIME')
local oldest = math.floor(time[1] * 1000 + time[2] / 1000 - tonumber(ARGV[7]))
for _, stream in ipairs({ KEYS[3], KEYS[5] }) do
  -- A planner that starts again goes on from the number of the newest record: that one stays.
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  if newest then
    local keep = string.format('%.0f', math.max(oldest, 0))
    if tonumber(string.match(newest[1], '^%d+')) < oldest then keep = newest[1] end
    redis.call('XTRIM', stream, 'MINID', '=', keep)
  end
end
return 1
