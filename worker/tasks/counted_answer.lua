-- Stores an answer that counts as Celery's Redis backend does, and tells those who wait. All counted answers together
-- stay within a budget: those go first that would go first anyway.
-- KEYS: the ledger, the key of the answer
-- ARGV: seconds that it is kept, seconds that any is kept, the budget in bytes or '' for an eighth of maxmemory, the
--       budget without a maxmemory, the answer
-- The ledger is a sorted set: '{bytes}:{key}' by the time in ms until which it is kept, and 'total' by the sum of
-- the bytes, negative.
local ledger, key, body = KEYS[1], KEYS[2], ARGV[5]

local function budget()
  if ARGV[3] ~= '' then return tonumber(ARGV[3]) end
  -- An ACL may deny INFO.
  local info = redis.pcall('INFO', 'memory')
  local most = type(info) == 'string' and tonumber(string.match(info, '\nmaxmemory:(%d+)')) or 0
  -- One below 1 MiB is a way to stop writes: nothing is to be dropped for it.
  return most >= 1048576 and math.floor(most / 8) or tonumber(ARGV[4])
end

local function read(entry)
  local bytes, name = string.match(entry, '^(%d+):(celery%-task%-meta%-.+)$')
  if not bytes or #bytes > 12 then return 0, '' end
  return tonumber(bytes), name
end

-- Its caller has deleted it, or another answer has its place.
local function is_gone(bytes, name)
  return redis.pcall('STRLEN', name) ~= bytes
end

local kind = redis.call('TYPE', ledger).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', ledger) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local total = math.max(0, -(tonumber(redis.call('ZSCORE', ledger, 'total')) or 0))
local most = budget() - #body
local forgotten, dropped = {}, {}

local function forget(entry, bytes)
  forgotten[#forgotten + 1] = entry
  total = math.max(0, total - bytes)
end

for _, entry in ipairs(redis.call('ZRANGEBYSCORE', ledger, 0, now, 'LIMIT', 0, 1000)) do
  forget(entry, (read(entry)))
end
-- Of a hundred, those that are gone before those that are not: what was read makes room before what was not.
local seen = 0
while total > most and #forgotten < 5000 do
  local some, kept = redis.call('ZRANGEBYSCORE', ledger, '(' .. now, '+inf', 'LIMIT', seen, 100), {}
  if #some == 0 then break end
  seen = seen + #some
  for _, entry in ipairs(some) do
    local bytes, name = read(entry)
    if is_gone(bytes, name) then forget(entry, bytes) else kept[#kept + 1] = entry end
  end
  for _, entry in ipairs(kept) do
    if total <= most then break end
    local bytes, name = read(entry)
    dropped[#dropped + 1] = name
    forget(entry, bytes)
  end
end
-- Nothing else is written before the answer: where there is no room for it, Redis refuses the first write of a
-- script alone.
if #dropped > 0 then redis.call('DEL', unpack(dropped)) end
redis.call('SETEX', key, ARGV[1], body)
if #forgotten > 0 then redis.call('ZREM', ledger, unpack(forgotten)) end
if redis.call('ZADD', ledger, now + ARGV[1] * 1000, #body .. ':' .. key) == 1 then total = total + #body end
redis.call('ZADD', ledger, -total, 'total')
redis.call('EXPIRE', ledger, ARGV[2])
redis.call('PUBLISH', key, body)
return #dropped
