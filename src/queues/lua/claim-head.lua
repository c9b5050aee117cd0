--[[
  Gives the head of a queue to one worker, if it is a request within its tenant's share: others that have no room for
  excess work leave it alone.

  KEYS[1]  sorted set of a queue's waiting jobs (BullMQ)
  KEYS[2]  string: the job that was given last, a space, the worker
  ARGV[1]  prefix of the queue's job keys   ARGV[2] the worker   ARGV[3] how long the worker may take to fetch it, ms
  Reply: 1 if it is the worker's, else 0
]]
local id = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
if not id then return 0 end
local read, request = pcall(cjson.decode, redis.call('HGET', ARGV[1] .. id, 'data') or '')
if not read or type(request) ~= 'table' then return 0 end
if type(request.share) == 'table' and request.share.excess == true then return 0 end
local mine = id .. ' ' .. ARGV[2]
local given = redis.call('GET', KEYS[2])
if given and given ~= mine and string.sub(given, 1, #id + 1) == id .. ' ' then return 0 end
redis.call('SET', KEYS[2], mine, 'PX', ARGV[3])
return 1
