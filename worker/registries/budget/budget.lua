-- What a group of registry hosts may be asked, shared by all workers. Nothing here waits: the caller is told how long to.
--
-- KEYS  1 hash of the group's state, 2 sorted set of its slots (token -> when it lapses)
-- ARGV  1 operation, 2 now or "" for the server's clock, 3 token, 4 microseconds between requests at the full rate, 5 slots,
--       6 how long a slot lasts, 7 how long a request may wait, 8 the operation's own argument
-- All times are whole microseconds. Returns { outcome, wait }.
--
--   reserve           a slot, to read images one after the other:
--                     "granted", "probe" (only one image), "cooldown", "circuit_open", "busy"
--   acquire           one request: "go" after waiting `wait`, or "cooldown", "circuit_open", "busy", "pace"
--   ok                the registry gave a list
--   answered          it answered with something else
--   throttled  after  it asked to be left alone, for `after` if that is above 0
--   unreachable       it did not answer at all
--   release           give the slot back
--   status            for people: { factor of the rate, slots, slots in use, cooldown, circuit open, unreached in a row, tripped }
local SECOND = 1000000
local COOLDOWN_FIRST, COOLDOWN_MAX, RETRY_AFTER_MAX = 60 * SECOND, 3600 * SECOND, 6 * 3600 * SECOND
local FACTOR_MIN, RECOVERY = 1 / 32, 3600 * SECOND
local FAILURES_MAX, OPEN_FIRST, OPEN_MAX = 5, 30 * SECOND, 900 * SECOND
local KEPT_MS = 86400 * 1000

local operation, token, argument = ARGV[1], ARGV[3], ARGV[8]
local spacing, slots, ttl, max_wait = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * SECOND + time[2]
end

local state = {}
local stored = redis.call('HGETALL', KEYS[1])
if operation == 'release' and #stored == 0 then
  -- Nobody has a slot of a group that nothing is known of: a forged task must not make its key.
  return { 'released', 0 }
end
for i = 1, #stored, 2 do
  state[stored[i]] = stored[i + 1]
end
local function number(name, default)
  return tonumber(state[name]) or default
end
local function save(...)
  redis.call('HSET', KEYS[1], ...)
  redis.call('PEXPIRE', KEYS[1], KEPT_MS)
end
local function whole(value)
  return string.format('%.0f', value)
end

-- A clock that was set back takes along every moment that was set by it: nothing lasts longer for it.
local back = number('seen', now) - now
if back > SECOND then
  for _, name in ipairs({ 'next', 'cool', 'open', 'probe_until', 'factor_at' }) do
    if state[name] then
      state[name] = whole(number(name) - back)
      save(name, state[name])
    end
  end
  for _, holder in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    redis.call('ZINCRBY', KEYS[2], -back, holder)
  end
end
save('seen', whole(now))

-- However often it was halved, the rate lets the next request of an image go out before it has waited too long: else
-- the image would be given up and begun again for ever. For the same reason a slow rate serves fewer images at once.
local function factor()
  local recovered = number('factor', 1) + math.max(0, now - number('factor_at', now)) / RECOVERY
  return math.min(1, math.max(recovered, FACTOR_MIN, spacing / max_wait))
end
local function pace()
  return spacing / factor()
end
local function places()
  return math.max(1, math.min(slots, math.floor(max_wait / pace())))
end
local function tripped()
  return number('failures', 0) >= FAILURES_MAX
end
local function probing()
  return (state.probe or '') ~= '' and number('probe_until', 0) > now
end
local function hold(until_)
  redis.call('ZADD', KEYS[2], whole(until_), token)
  redis.call('PEXPIRE', KEYS[2], KEPT_MS)
end
-- Why the group may not be asked by this token now, and for how long.
local function closed()
  local cool = number('cool', 0)
  if cool > now then
    return { 'cooldown', cool - now }
  end
  if tripped() and not (probing() and state.probe == token) then
    local probe_left = probing() and number('probe_until', 0) - now or 0
    return { 'circuit_open', math.max(number('open', 0) - now, probe_left) }
  end
  return nil
end
local function close_circuit()
  save('failures', 0, 'open', 0, 'opened', 0, 'probe', '', 'probe_until', 0)
end

if operation == 'release' then
  redis.call('ZREM', KEYS[2], token)
  if state.probe == token then
    save('probe', '', 'probe_until', 0)
  end
  return { 'released', 0 }
end

if operation == 'ok' or operation == 'answered' then
  if number('failures', 0) > 0 then
    close_circuit()
  end
  if operation == 'ok' and number('throttles', 0) > 0 then
    save('throttles', 0)
  end
  return { operation, 0 }
end

if operation == 'throttled' then
  close_circuit()
  local throttles = number('throttles', 0)
  -- Requests that were under way together are throttled together: that is once.
  if number('cool', 0) <= now then
    throttles = throttles + 1
    save('throttles', throttles, 'factor', math.max(FACTOR_MIN, factor() / 2))
  end
  local asked = tonumber(argument)
  if asked and asked <= 0 then
    asked = nil -- a time that has come says nothing: the next request would be throttled like this one
  end
  local wait = asked or COOLDOWN_FIRST * 2 ^ math.min(throttles - 1, 10)
  wait = math.min(wait, asked and RETRY_AFTER_MAX or COOLDOWN_MAX)
  local cool = math.max(number('cool', 0), now + wait)
  -- The rate recovers while the registry is asked: nothing is learnt of it in a cooldown.
  save('cool', whole(cool), 'factor_at', whole(cool))
  return { 'cooldown', cool - now }
end

if operation == 'unreachable' then
  local failures = number('failures', 0) + 1
  if tripped() and state.probe ~= token then
    return { 'circuit_open', math.max(number('open', 0) - now, 0) }
  end
  if failures < FAILURES_MAX then
    save('failures', failures)
    return { 'counted', 0 }
  end
  local opened = number('opened', 0) + 1
  local wait = math.min(OPEN_FIRST * 2 ^ math.min(opened - 1, 10), OPEN_MAX)
  save('failures', failures, 'opened', opened, 'open', whole(now + wait), 'probe', '', 'probe_until', 0)
  return { 'circuit_open', wait }
end

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now))
local held, in_use = redis.call('ZSCORE', KEYS[2], token), redis.call('ZCARD', KEYS[2])
local full = not held and in_use >= places()

if operation == 'status' then
  local cool, open = math.max(0, number('cool', 0) - now), math.max(0, number('open', 0) - now)
  return { tostring(factor()), places(), in_use, cool, open, number('failures', 0), tripped() and 1 or 0 }
end

if operation == 'reserve' then
  local refusal = closed()
  local probe = refusal and refusal[1] == 'circuit_open' and refusal[2] == 0
  if refusal and not probe then
    return refusal
  end
  if full then
    return { 'busy', 0 }
  end
  hold(now + ttl)
  if probe then
    save('probe', token, 'probe_until', whole(now + ttl))
    return { 'probe', 0 }
  end
  return { 'granted', 0 }
end

if operation == 'acquire' then
  local refusal = closed()
  if refusal then
    return refusal
  end
  if full then
    return { 'busy', 0 }
  end
  local at = math.max(number('next', 0), now)
  local wait = at - now
  if wait > max_wait then
    return { 'pace', wait }
  end
  save('next', whole(at + pace()))
  hold(at + ttl)
  if state.probe == token then
    save('probe_until', whole(at + ttl))
  end
  return { 'go', wait }
end

return redis.error_reply('ERR no such operation: ' .. operation)
