--[[
  Appends tokens to the journals of running requests and publishes what was accepted.
  A journal is a list: [fence, firstTokenAtMs, token 0, token 1, ...].
  The fence names the run that owns the request: a run that was overtaken (its lock expired while it was frozen)
  is refused, so a client never sees tokens of two runs.

  KEYS[i]   journal of request i
  ARGV[1]   time to live of a new journal, ms
  ARGV[2]   number of channels C
  ARGV[3 .. C+2]  channel names
  then for each key in turn:
    fence, firstTokenAtMs, start (index of the first token given), n, token 1 .. n,
    m (number of channels), channel positions 1 .. m, frame (JSON)
  Reply: for each key the number of tokens in the journal, -1 when fenced off, -2 - length when tokens before start
  are missing (nothing is appended or published then).
]]
local ttl = ARGV[1]
local channelCount = tonumber(ARGV[2])
local at = 3 + channelCount
local outbox = {}
local reply = {}
for i, key in ipairs(KEYS) do
  local fence, firstAt = ARGV[at], ARGV[at + 1]
  local start, n = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  at = at + 4
  local tokensFrom = at
  at = at + n
  local m = tonumber(ARGV[at])
  local channelsFrom = at + 1
  local frame = ARGV[at + m + 1]
  at = at + m + 2

  local owner = redis.call('LINDEX', key, 0)
  local length = 0
  if not owner then
    if start == 0 then
      redis.call('RPUSH', key, fence, firstAt)
      redis.call('PEXPIRE', key, ttl)
    end
  elseif owner == fence then
    length = redis.call('LLEN', key) - 2
    if length == 0 then redis.call('LSET', key, 1, firstAt) end
  end
  if owner and owner ~= fence then
    reply[i] = -1
  elseif length < start then
    reply[i] = -2 - length
  else
    -- A command resent after a lost connection finds some or all of its tokens there already.
    local skip = length - start
    for from = tokensFrom + skip, tokensFrom + n - 1, 1000 do
      redis.call('RPUSH', key, unpack(ARGV, from, math.min(from + 999, tokensFrom + n - 1)))
    end
    reply[i] = math.max(length, start + n)
    for c = channelsFrom, channelsFrom + m - 1 do
      local channel = tonumber(ARGV[c])
      local box = outbox[channel]
      if not box then
        box = {}
        outbox[channel] = box
      end
      box[#box + 1] = frame
    end
  end
end
for channel, frames in pairs(outbox) do
  redis.call('PUBLISH', ARGV[2 + channel], '[' .. table.concat(frames, ',') .. ']')
end
return reply
