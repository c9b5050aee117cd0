--[[
  Notes that a request began: the pool's fair order follows the last start tag of those that did.

  KEYS[1]  hash of the pool's fair order (share.lua)
  ARGV[1]  virtual time then, ms   ARGV[2] era of it
]]
local known = redis.call('HMGET', KEYS[1], '#era', '#begun')
if known[1] == ARGV[2] and tonumber(ARGV[1]) > (tonumber(known[2]) or 0) then
  redis.call('HSET', KEYS[1], '#begun', ARGV[1])
end
