-- Raises the epoch of a lease that is still ours, unless the new one would be none: more than a day ahead of the clock.
-- KEYS: lease    ARGV: owner, our epoch, the least new one    Returns the epoch now, or '0' when it is not ours.
begin('HDEL', KEYS[1])
local lease = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if not is_owner(lease[1], ARGV[1], lease[2], ARGV[2]) then
  return '0'
end
if not epoch_of(ARGV[3], now_ms()) then
  return lease[2]
end
local epoch = math.max(tonumber(lease[2]), tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'epoch', text(epoch))
return text(epoch)
