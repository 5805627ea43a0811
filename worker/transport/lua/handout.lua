-- Shared by the scripts that hand messages out, and that take them back from a process.

-- The epoch of a new owner: above every former one, and not behind the clock.
local function next_epoch(epoch, now)
  return math.max(epoch + 1, now)
end

-- Whether there are unacked records.
local function has_leftovers(unacked)
  return redis.call('EXISTS', unacked) == 1
end

-- The consumers of a shared queue that are dead.
local function dead_consumers(consumers, now)
  return redis.call('ZRANGEBYSCORE', consumers, '-inf', now)
end

local function every_tag()
  return true
end

local function tags_of(consumer)
  local prefix = consumer .. ':'
  return function(tag)
    return string.sub(tag, 1, #prefix) == prefix
  end
end

-- The tags of a consumer from the number `first` on, `most` of them.
local function is_among(consumer, first, most)
  local is_of = tags_of(consumer)
  return function(tag)
    local number = tonumber(string.match(tag, '(%d+)$') or 0)
    return is_of(tag) and number >= first and number < first + most
  end
end

-- The order in which tags are pushed back: the last one pushed is the first one popped.
local function is_newer(tag, other)
  local number = '(%d+)$'
  return tonumber(string.match(tag, number) or 0) > tonumber(string.match(other, number) or 0)
end

-- Whether the end of a process counts against the message: not when something else held the message up.
local function counts_as_death(died, waiting, tag)
  return died and redis.call('SISMEMBER', waiting, tag) == 0
end

-- Whether a message is taken alone: a process died with it, alone or with a group.
local function is_taken_alone(deaths)
  return deaths and deaths_of(deaths) ~= 0
end

-- Pushes the unacked records whose tag is `chosen` back to the head of `list`, the oldest at the very head.
-- With `died`, the process that had them is dead; `grouped`: it applied them together. A record that had to wait,
-- or was given back, begins at no death again.
local function push_back(unacked, returned, waiting, list, chosen, died, grouped)
  local tags = {}
  for _, tag in ipairs(redis.call('HKEYS', unacked)) do
    if chosen(tag) then
      table.insert(tags, tag)
    end
  end
  if #tags > 0 then
    check_rights(
      {'HGET', unacked, ''}, {'HDEL', unacked, ''}, {'HGET', returned, ''}, {'HSET', returned, '', ''},
      {'SISMEMBER', waiting, ''}, {'SREM', waiting, ''}, {'RPUSH', list, ''})
  end
  table.sort(tags, is_newer)
  local alone = not grouped or #tags == 1
  for _, tag in ipairs(tags) do
    local raw = redis.call('HGET', unacked, tag)
    local digest = redis.sha1hex(raw)
    put_back(list, raw)
    if counts_as_death(died, waiting, tag) then
      note_death(returned, digest, alone)
    else
      redis.call('HSET', returned, digest, 0)
    end
    redis.call('HDEL', unacked, tag)
    redis.call('SREM', waiting, tag)
  end
  return #tags
end

-- Why a message is parked instead of handed out, or false.
local function why_parked(raw, deaths, max_bytes, max_deaths)
  if #raw > max_bytes then
    return 'oversize'
  end
  return deaths_of(deaths) >= max_deaths and 'deaths'
end

-- Whether one call may park another message: while it runs, Redis serves nobody else.
local function parks_more(count, bytes)
  return count < 16 and bytes < 8388608
end

-- The message at the head of the lists KEYS[from..], and its list; it is off the list.
local function pop_head(from)
  for i = from, #KEYS do
    local raw = redis.call('RPOP', KEYS[i])
    if raw then
      return raw, KEYS[i]
    end
  end
end

-- The messages that were handed out under the numbers from `first` on: their reply was lost on the way.
local function handed_out(unacked, returned, owner, first)
  local taken, number = {}, first
  local raw = redis.call('HGET', unacked, owner .. ':' .. text(number))
  while raw do
    local deaths = redis.call('HGET', returned, redis.sha1hex(raw))
    table.insert(taken, deaths and text(deaths_of(deaths)) or '')
    table.insert(taken, raw)
    number = number + 1
    raw = redis.call('HGET', unacked, owner .. ':' .. text(number))
  end
  return taken
end

-- Moves messages from the lists KEYS[6..] to their unacked records. Returns how many it parked for their size and
-- how many for their deaths, whether the lists are empty now, then deaths (or '') and raw of each message. KEYS and
-- ARGV are those of pop.lua.
-- The same numbers again answer with the same messages, so that a reply lost on the way is asked for once more.
-- Messages too large or too deadly to be handed out are parked on the way.
local function take(grouped)
  local unacked, returned, poison, owner = KEYS[2], KEYS[3], KEYS[5], ARGV[1]
  local first, most, most_bytes = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  local max_bytes, max_deaths = tonumber(ARGV[6]), tonumber(ARGV[7])
  local parked = {oversize = 0, deaths = 0}
  local taken = handed_out(unacked, returned, owner, first)
  if #taken > 0 then
    return parked, false, taken
  end
  check_rights(
    {'HSET', unacked, '', ''}, {'EXISTS', returned}, {'HGET', returned, ''}, {'HDEL', returned, ''},
    {'LPUSH', poison, ''})
  for i = 6, #KEYS do
    check_rights({'RPUSH', KEYS[i], ''})
  end
  local count, bytes, parked_count, parked_bytes, empty = 0, 0, 0, 0, false
  local any_returned
  while count < most and parks_more(parked_count, parked_bytes) do
    local raw, list = pop_head(6)
    if not raw then
      empty = true
      break
    end
    if any_returned == nil then
      any_returned = redis.call('EXISTS', returned) == 1
    end
    -- None that is not kept whole was ever handed out, and its SHA-1 would take long.
    local deaths = any_returned and kept_whole(raw) and redis.call('HGET', returned, redis.sha1hex(raw))
    local reason = why_parked(raw, deaths, max_bytes, max_deaths)
    local alone = grouped and is_taken_alone(deaths)
    if reason then
      parked[reason] = parked[reason] + 1
      parked_count, parked_bytes = parked_count + 1, parked_bytes + #raw
      if deaths then
        redis.call('HDEL', returned, redis.sha1hex(raw))
      end
      park(poison, reason, owner .. ':' .. text(first) .. ':' .. (parked_count - 1), deaths or '0', '', raw)
      if not kept_whole(raw) then
        -- It leaves the memory of the scripts now, and not some scripts later.
        raw = nil
        collectgarbage()
      end
    elseif count > 0 and (alone or bytes + #raw > most_bytes) then
      put_back(list, raw)
      break
    else
      redis.call('HSET', unacked, owner .. ':' .. text(first + count), raw)
      table.insert(taken, deaths and text(deaths_of(deaths)) or '')
      table.insert(taken, raw)
      count, bytes = count + 1, bytes + #raw
      if alone then break end
    end
  end
  return parked, empty, taken
end

-- The reply of a pop.
local function reply(epoch, parked, empty, taken)
  return {'taken', epoch, parked.oversize, parked.deaths, empty and 1 or 0, unpack(taken)}
end
