-- Shared by the scripts that hand messages out, and that take them back from a process.

-- The epoch of a new owner: above every former one, and not behind the clock.
local function next_epoch(epoch, now)
  return math.max(epoch + 1, now)
end

-- Whether there are more unacked records than the owner knows of.
local function has_leftovers(unacked, known)
  return redis.call('HLEN', unacked) > known
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

-- The order in which tags are pushed back: the last one pushed is the first one popped.
local function is_newer(tag, other)
  local number = '(%d+)$'
  return tonumber(string.match(tag, number) or 0) > tonumber(string.match(other, number) or 0)
end

-- Whether the end of a process counts against the message: not when something else held the message up.
local function counts_as_death(died, waiting, tag)
  return died and redis.call('SISMEMBER', waiting, tag) == 0
end

-- Pushes the unacked records whose tag is `chosen` back to the head of `list`, the oldest at the very head.
-- A record whose process died counts one death more; one that had to wait, or was given back, begins at none again.
local function push_back(unacked, returned, waiting, list, chosen, died)
  local tags = {}
  for _, tag in ipairs(redis.call('HKEYS', unacked)) do
    if chosen(tag) then
      table.insert(tags, tag)
    end
  end
  table.sort(tags, is_newer)
  for _, tag in ipairs(tags) do
    local raw = redis.call('HGET', unacked, tag)
    local digest = redis.sha1hex(raw)
    put_back(list, raw)
    if counts_as_death(died, waiting, tag) then
      redis.call('HINCRBY', returned, digest, 1)
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
  return tonumber(deaths or 0) >= max_deaths and 'deaths'
end

-- Moves one message from the first list of KEYS[from..] that has one to its unacked record under `tag`.
-- The same tag again answers with the same message, so that a reply lost on the way is asked for once more.
-- Messages too large or too deadly to be handed out are parked on the way.
-- Returns raw or false, the deaths counted or false, and how many were parked.
local function take(unacked, returned, poison, from, tag, max_bytes, max_deaths)
  local held = redis.call('HGET', unacked, tag)
  if held then
    return held, redis.call('HGET', returned, redis.sha1hex(held)), 0
  end
  local parked = 0
  while parked < 16 do
    local raw = false
    for i = from, #KEYS do
      raw = redis.call('RPOP', KEYS[i])
      if raw then break end
    end
    if not raw then
      return false, false, parked
    end
    local deaths = false
    if redis.call('EXISTS', returned) == 1 then
      deaths = redis.call('HGET', returned, redis.sha1hex(raw))
    end
    local reason = why_parked(raw, deaths, max_bytes, max_deaths)
    if not reason then
      redis.call('HSET', unacked, tag, raw)
      return raw, deaths, parked
    end
    if deaths then
      redis.call('HDEL', returned, redis.sha1hex(raw))
    end
    park(poison, reason, tag .. ':' .. parked, deaths or '0', '', raw)
    parked = parked + 1
  end
  return false, false, parked
end
