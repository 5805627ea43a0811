-- Renews the lease of its owner, also one that ran out while nobody else wanted it.
-- KEYS: lease    ARGV: owner, lease in ms    Returns the epoch, or '0' when the lease is not ours,
-- or its epoch is none: the next pop begins it anew.
begin('HDEL', KEYS[1])
local lease = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if not is_owner(lease[1], ARGV[1]) then
  return '0'
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'until', text(now + ARGV[2]))
return text(epoch_of(lease[2], now) or 0)
