--[[
  Gives the head of a queue to one worker, if it or one close behind it is a request within its tenant's share whose tenant does
  not hold more than its part there: others that have no room for excess work leave it alone. What stands before such a
  request by the fair order is taken with it, one after the other.

  KEYS[1]  sorted set of a queue's waiting jobs (BullMQ)
  KEYS[2]  string: the job that was given last, a space, the worker
  ARGV[1]  prefix of the queue's job keys   ARGV[2] the worker   ARGV[3] how long the worker may take to fetch it, ms
  ARGV[4]  requests to look at
  ARGV[5 ..]  tenants that hold more than their part of the worker's places
  Reply: 1 if it is the worker's, else 0
]]
local over = {}
for k = 5, #ARGV do over[ARGV[k]] = true end

local function isWithin(id)
  local read, request = pcall(cjson.decode, redis.call('HGET', ARGV[1] .. id, 'data') or '')
  if not read or type(request) ~= 'table' then return false end
  if type(request.share) == 'table' and request.share.excess == true then return false end
  local owner = type(request.owner) == 'table' and request.owner.tenant
  return not (owner and over[owner])
end

local first = redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[4]) - 1)
local found = false
for _, id in ipairs(first) do
  found = isWithin(id)
  if found then break end
end
if not found then return 0 end
local id = first[1]
local mine = id .. ' ' .. ARGV[2]
local given = redis.call('GET', KEYS[2])
if given and given ~= mine and string.sub(given, 1, #id + 1) == id .. ' ' then return 0 end
redis.call('SET', KEYS[2], mine, 'PX', ARGV[3])
return 1
