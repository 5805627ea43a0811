-- Pops one message of a shared queue, and first pushes back what consumers that are no more had unacked.
-- KEYS: consumers, unacked, returned, waiting, poison, then the lists by priority
-- ARGV: owner, lease in ms, tag, largest message in bytes, deaths at which a message is parked
-- Returns {'message' | 'empty', '0', parked, deaths or '', raw}.
local now = now_ms()
for _, consumer in ipairs(dead_consumers(KEYS[1], now)) do
  if not is_owner(consumer, ARGV[1]) then
    push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[6], tags_of(consumer), true)
    redis.call('ZREM', KEYS[1], consumer)
  end
end
local until_ms = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if until_ms - now < ARGV[2] * 0.7 then
  redis.call('ZADD', KEYS[1], text(now + ARGV[2]), ARGV[1])
end

local raw, deaths, parked =
  take(KEYS[2], KEYS[3], KEYS[5], 6, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
if raw then
  return {'message', '0', parked, deaths or '', raw}
end
return {'empty', '0', parked}
