-- Renews the lease of its owner, also one that ran out while nobody else wanted it.
-- KEYS: lease    ARGV: owner, lease in ms    Returns the epoch, or '0' when the lease is not ours.
begin('HDEL', KEYS[1])
local lease = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if not is_owner(lease[1], ARGV[1]) then
  return '0'
end
redis.call('HSET', KEYS[1], 'until', text(now_ms() + ARGV[2]))
return lease[2]
