-- Shared by every script that moves messages. Numbers leave Lua as text: a reply or a field of 1.7e12 must stay exact.

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number)
  return string.format('%.0f', number)
end

-- Whether a lease still runs. No lease is longer than 300 s: a clock that was put back must not make it so.
local function runs(until_ms, now)
  return until_ms > now and until_ms - now <= 300000
end

-- One element of the poison list: four lines of header, then the message as it came.
-- `mark` is the parking's own, so that messages that are alike are kept each for itself.
local function park(poison, reason, mark, deaths, detail, raw)
  redis.call('LPUSH', poison, table.concat({reason, text(now_ms()) .. ' ' .. mark, deaths, detail, raw}, '\n'))
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

-- Pushes the unacked records whose tag is `chosen` back to the head of `list`, the oldest at the very head.
-- A record whose process died counts one death more; one that had to wait, or was given back, begins at none again.
local function push_back(unacked, returned, waiting, list, chosen, died)
  local tags = {}
  for _, tag in ipairs(redis.call('HKEYS', unacked)) do
    if chosen(tag) then
      table.insert(tags, tag)
    end
  end
  local function count(tag)
    return tonumber(string.match(tag, '(%d+)$')) or 0
  end
  table.sort(tags, function(a, b) return count(a) > count(b) end)
  for _, tag in ipairs(tags) do
    local raw = redis.call('HGET', unacked, tag)
    local digest = redis.sha1hex(raw)
    redis.call('RPUSH', list, raw)
    if died and redis.call('SISMEMBER', waiting, tag) == 0 then
      redis.call('HINCRBY', returned, digest, 1)
    else
      redis.call('HSET', returned, digest, 0)
    end
    redis.call('HDEL', unacked, tag)
    redis.call('SREM', waiting, tag)
  end
  return #tags
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
    local reason = false
    if #raw > max_bytes then
      reason = 'oversize'
    elseif tonumber(deaths or 0) >= max_deaths then
      reason = 'deaths'
    end
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
