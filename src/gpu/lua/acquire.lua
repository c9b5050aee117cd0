--[[
Takes a lease that the allocator chose, unless inventory, placement or budget no longer allow it. The same lease
again is answered as taken and changes nothing.
KEYS[1] leases hash   KEYS[2] held hash (GPU -> lease)   KEYS[3] usage hash
KEYS[4] inventory hash (GPU -> island)   KEYS[5] budgets hash (pool -> JSON)   KEYS[6] fence hash
ARGV[1] fence   ARGV[2] lease JSON, without state and times
reply   {'ok', lease JSON} or {'refused', 'budget' | 'inventory' | 'placement'}
errors  FENCED another allocator acts
]]
if redis.call('HGET', KEYS[6], 'n') ~= ARGV[1] then
  return redis.error_reply('FENCED another allocator acts')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = cjson.decode(ARGV[2])

local known = redis.call('HGET', KEYS[1], lease.leaseId)
if known then return { 'ok', known } end

local function account(field)
  return tonumber(redis.call('HGET', KEYS[3], field) or 0)
end

-- Placement: GPUs that exist, each once, of one island, none of them held.
local island
local seen = {}
for _, gpu in ipairs(lease.gpus) do
  local at = redis.call('HGET', KEYS[4], gpu)
  if not at or seen[gpu] or (island and at ~= island) then return { 'refused', 'placement' } end
  seen[gpu] = true
  island = at
end
for _, gpu in ipairs(lease.gpus) do
  if redis.call('HEXISTS', KEYS[2], gpu) == 1 then return { 'refused', 'inventory' } end
end

-- Budget of the pool itself.
local stored = redis.call('HGET', KEYS[5], lease.pool)
if not stored then return { 'refused', 'budget' } end
local budget = cjson.decode(stored)
local want = #lease.gpus
local leased = account('gpus:' .. lease.pool)
if leased + want > budget.ceiling or account('workers:' .. lease.pool) + 1 > budget.maxWorkers then
  return { 'refused', 'budget' }
end

-- Beyond its own guarantee a pool takes only what no other pool is guaranteed.
if leased + want > budget.guaranteed then
  local free = 0
  for _, gpu in ipairs(redis.call('HKEYS', KEYS[4])) do
    if redis.call('HEXISTS', KEYS[2], gpu) == 0 then free = free + 1 end
  end
  local reserved = 0
  local budgets = redis.call('HGETALL', KEYS[5])
  for i = 1, #budgets, 2 do
    if budgets[i] ~= lease.pool then
      reserved = reserved + math.max(0, cjson.decode(budgets[i + 1]).guaranteed - account('gpus:' .. budgets[i]))
    end
  end
  if free - want < reserved then return { 'refused', 'inventory' } end
end

local function book(name, gpus)
  local before = account('gpus:' .. name)
  local since = tonumber(redis.call('HGET', KEYS[3], 'since:' .. name) or now)
  redis.call('HINCRBY', KEYS[3], 'ms:' .. name, before * math.max(0, now - since))
  redis.call('HSET', KEYS[3], 'since:' .. name, now, 'gpus:' .. name, before + gpus)
  redis.call('HSET', KEYS[3], 'peak:' .. name, math.max(account('peak:' .. name), before + gpus))
end

lease.state = 'starting'
lease.sinceMs = now
lease.stateSinceMs = now
lease.expiresAtMs = now + lease.leaseMs
for _, gpu in ipairs(lease.gpus) do redis.call('HSET', KEYS[2], gpu, lease.leaseId) end
book(lease.pool, want)
book('*', want)
redis.call('HINCRBY', KEYS[3], 'workers:' .. lease.pool, 1)
local text = cjson.encode(lease)
redis.call('HSET', KEYS[1], lease.leaseId, text)
return { 'ok', text }
