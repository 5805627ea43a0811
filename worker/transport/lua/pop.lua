-- Pops one message of a partition queue, under its lease.
-- KEYS: lease, unacked, returned, waiting, poison, then the lists by priority
-- ARGV: owner, lease in ms, tag, largest message in bytes, deaths at which a message is parked,
--       the tags of this queue that the owner has in hand
-- Returns {'standby', ms left of the other's lease} or {'message' | 'empty', epoch, parked, deaths or '', raw}.
local now = now_ms()
local lease = redis.call('HMGET', KEYS[1], 'owner', 'until', 'epoch')
local until_ms, epoch = tonumber(lease[2] or 0), tonumber(lease[3] or 0)

if not is_owner(lease[1], ARGV[1]) then
  if lease[1] and runs(until_ms, now) then
    return {'standby', text(until_ms - now)}
  end
  epoch = next_epoch(epoch, now)
  until_ms = 0
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', text(epoch))
  push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[6], every_tag, true)
elseif has_leftovers(KEYS[2], #ARGV - 5) then
  -- Leftovers: a Redis that lost writes has records of messages that were settled long ago. Left there, they
  -- would wait for the end of this process, and then be delivered after all that is newer.
  local held = {[ARGV[3]] = true}
  for i = 6, #ARGV do
    held[ARGV[i]] = true
  end
  push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[6], function(tag) return not held[tag] end, false)
end
-- Renewed by a thread too: writing it again with every message would only feed the append-only file.
if until_ms - now < ARGV[2] * 0.7 then
  redis.call('HSET', KEYS[1], 'until', text(now + ARGV[2]))
end

local raw, deaths, parked =
  take(KEYS[2], KEYS[3], KEYS[5], 6, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]))
if raw then
  return {'message', text(epoch), parked, deaths or '', raw}
end
return {'empty', text(epoch), parked}
