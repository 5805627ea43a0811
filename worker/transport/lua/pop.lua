-- Pops messages of a partition queue, under its lease: those at the head, in order, and nothing while others are
-- in hand.
-- KEYS: lease, unacked, returned, waiting, poison, then the lists by priority
-- ARGV: owner, lease in ms, the number of the first message, most messages, most bytes of them together, largest
--       message in bytes, deaths at which a message is parked
-- Returns {'standby', ms left of the other's lease}, or {'taken', epoch, how many it parked for their size, how many
-- for their deaths, 1 if nothing is left in the lists, then deaths or '' and raw of each}; 'anew' in place of 'taken'
-- when the lease had no valid epoch.
begin('HDEL', KEYS[2])
local now = now_ms()
local lease = redis.call('HMGET', KEYS[1], 'owner', 'until', 'epoch')
local until_ms, epoch = whole(lease[2]) or 0, epoch_of(lease[3], now)
local anew = not epoch and (lease[1] or lease[3])

if not is_owner(lease[1], ARGV[1]) then
  if lease[1] and runs(until_ms, now) then
    return {'standby', text(until_ms - now)}
  end
  epoch = next_epoch(epoch or 0, now)
  until_ms = 0
  redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'epoch', text(epoch))
  push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[6], every_tag, true, true)
elseif has_leftovers(KEYS[2]) then
  -- Leftovers: a Redis that lost writes has records of messages that were settled long ago. Left there, they
  -- would wait for the end of this process, and then be delivered after all that is newer.
  local is_asked_for = is_among(ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]))
  push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[6], function(tag) return not is_asked_for(tag) end, false, true)
end
if not epoch then
  epoch = next_epoch(0, now)
  redis.call('HSET', KEYS[1], 'epoch', text(epoch))
end
-- Renewed by a thread too: writing it again with every message would only feed the append-only file.
if until_ms - now < ARGV[2] * 0.7 or not runs(until_ms, now) then
  redis.call('HSET', KEYS[1], 'until', text(now + ARGV[2]))
end

local parked, empty, taken = take(true)
local answer = reply(text(epoch), parked, empty, taken)
if anew then
  answer[1] = 'anew'
end
return answer
