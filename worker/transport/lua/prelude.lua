-- Shared by the scripts. Numbers leave Lua as text: a reply or a field of 1.7e12 must stay exact.
-- Each promise is a function of its own: the tests replace one at a time, to see that it is needed.

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number)
  return string.format('%.0f', number)
end

-- A whole number of a field, or nil. Anyone who can write to Redis can put anything there.
local function whole(value)
  return value and #value <= 15 and string.find(value, '^%d+$') and tonumber(value) or nil
end

-- The epoch in a lease, or nil where it is none: a whole number, at most a day ahead of the clock. One of 1e18 would
-- be the same number when 1 is added to it: its next owner could not be told from it.
local function epoch_of(value, now)
  local epoch = whole(value)
  return epoch and epoch <= now + 86400000 and epoch or nil
end

-- Every script that takes, settles or renews begins with a removal, or with this one of nothing. A Redis that is full
-- refuses what may need memory as the first write of a script, and no later one (6.2 and 7: it looks at its memory once,
-- as the script begins, and does not cut one in two that has written). These scripts move what is there, and free it in
-- the end: held up, a full Redis would stay full. What adds waits for room: answers and new events.
local function begin(remove, key)
  redis.call(remove, key, '')
end

-- Whether a lease is of `process`, and, where epochs are given, still the one that the process knows.
local function is_owner(owner, process, epoch, known)
  return owner == process and epoch == known
end

-- Whether a lease still runs. No lease is longer than 300 s: a clock that was put back must not make it so.
local function runs(until_ms, now)
  return until_ms > now and until_ms - now <= 300000
end

-- Whether another process holds a lease now: then nothing that this one took before is its own to settle.
local function is_of_another(key, process)
  local lease = redis.call('HMGET', key, 'owner', 'until')
  return lease[1] and not is_owner(lease[1], process) and runs(whole(lease[2]) or 0, now_ms())
end

-- What was handed out goes back to the head of its list.
local function put_back(list, raw)
  redis.call('RPUSH', list, raw)
end

-- Removes one unacked record, and no other. Returns how many there were.
local function remove(unacked, tag)
  return redis.call('HDEL', unacked, tag)
end

-- How often a process died with a message; -1: with a group.
local function deaths_of(value)
  return value == '-1' and -1 or whole(value) or 0
end

-- What is noted of a message whose process ended while it was in work. Alone in work, one death more. Among
-- others nobody knows which of them it was: -1, so that each is taken alone until it is settled.
local function note_death(returned, digest, alone)
  local deaths = -1
  if alone then
    deaths = math.max(0, deaths_of(redis.call('HGET', returned, digest))) + 1
  end
  redis.call('HSET', returned, digest, deaths)
end

-- The second line of a parked message: it is its own, so that equal messages are kept each for itself.
local function stamp(mark)
  return text(now_ms()) .. ' ' .. mark
end

-- What is kept of a parked message: all of one up to 8 MiB, the first 64 KiB of a larger one; see cut.py.
local function kept_whole(raw)
  return #raw <= 8388608
end

local function beginning(raw)
  return string.sub(raw, 1, 65536)
end

-- Tells larger messages apart. Of all of 512 MB, SHA-1 would hold Redis up for most of another second.
local function digest_of_large(raw)
  return redis.sha1hex(text(#raw) .. beginning(raw) .. string.sub(raw, -65536))
end

-- One element of the poison list: four lines of header, then the message as it came, or its beginning. Then the
-- second line also has its size and its digest.
local function park(poison, reason, mark, deaths, detail, raw)
  local stamped = stamp(mark)
  if not kept_whole(raw) then
    stamped = stamped .. ' ' .. text(#raw) .. ' ' .. digest_of_large(raw)
    raw = beginning(raw)
  end
  redis.call('LPUSH', poison, table.concat({reason, stamped, deaths, detail, raw}, '\n'))
end
