-- Pops messages of a shared queue, and first pushes back what consumers that are no more had unacked.
-- KEYS, ARGV and returns: those of pop.lua, with the consumers in place of the lease, and '0' for the epoch.
begin('HDEL', KEYS[2])
local now = now_ms()
for _, consumer in ipairs(dead_consumers(KEYS[1], now)) do
  if not is_owner(consumer, ARGV[1]) then
    push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[6], tags_of(consumer), true, false)
    redis.call('ZREM', KEYS[1], consumer)
  end
end
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if until_ms - now < ARGV[2] * 0.7 then
  redis.call('ZADD', KEYS[1], text(now + ARGV[2]), ARGV[1])
end

local parked, empty, taken = take(false)
return reply('0', parked, empty, taken)
