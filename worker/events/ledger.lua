-- How large the stream is, and the trimming of it. In front of publish.lua.
--
-- KEYS  1 stream, 3 ledger
-- ARGV  1 approximate length to trim to, 2 most bytes
--
-- The ledger is a list of marks "{entries} {bytes}", both counted from when it was begun: the first one is where the
-- stream begins, the last one where it ends, and those between cut it into segments, which are trimmed as a whole.
-- What the ledger did not see shows in the length of the stream: it was trimmed or deleted by something else, or it
-- is from before the ledger.
--
-- A Redis that is full refuses what may need memory as the first write of a script, and no later one. So an event for
-- which others are trimmed is taken by a full Redis, and any other one waits.
local SEGMENTS, SAMPLES = 64, 16
local most_entries, most_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
-- The marks of the first and the last end, and of where the last segment begins; and whether the last one is in the
-- list as it is here.
local first, last, opened, stored

local function text_of(mark)
  return string.format('%.0f %.0f', mark.entries, mark.bytes)
end

-- The mark at an index of the list, or nil.
local function mark_at(index)
  local found = redis.pcall('LINDEX', KEYS[3], index)
  local entries, bytes = string.match(type(found) == 'string' and found or '', '^(%d+) (%d+)$')
  return entries and { entries = tonumber(entries), bytes = tonumber(bytes) }
end

local function entries_now()
  return last.entries - first.entries
end

-- How large an entry is. Redis keeps a large one in a block of up to a quarter more: an eighth is the mean.
local function size_of(fields)
  local size = 0
  for i = 1, #fields do
    size = size + #fields[i]
  end
  return math.ceil(size * 1.125)
end

-- Begin a list without segments, at `mark`.
local function begin_list(mark)
  if redis.call('EXISTS', KEYS[1], KEYS[3]) > 0 then
    redis.call('DEL', KEYS[3])
  end
  redis.call('RPUSH', KEYS[3], text_of(mark), text_of(mark))
  first, last, opened, stored = mark, { entries = mark.entries, bytes = mark.bytes }, mark, true
end

local function store()
  if not stored then
    redis.call('LSET', KEYS[3], -1, text_of(last))
    stored = true
  end
end

-- The stream ends later: in its last segment, or in a new one if that is full.
local function extend(entries, bytes)
  if last.bytes > opened.bytes and last.bytes - opened.bytes + bytes > most_bytes / SEGMENTS then
    store()
    redis.call('RPUSH', KEYS[3], text_of(last))
    opened = { entries = last.entries, bytes = last.bytes }
  end
  last.entries, last.bytes, stored = last.entries + entries, last.bytes + bytes, false
end

-- The mean size of the newest `count` entries; of many, of some from all over the stream.
local function mean_size(count)
  local some = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', math.min(count, SAMPLES))
  if count > SAMPLES then
    local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
    local from, to = tonumber(string.match(oldest[1], '^%d+')), tonumber(string.match(some[1][1], '^%d+'))
    for i = 0, SAMPLES - 1 do
      local id = string.format('%.0f', from + (to - from) * i / SAMPLES)
      some[#some + 1] = redis.call('XRANGE', KEYS[1], id, '+', 'COUNT', 1)[1]
    end
  end
  local bytes = 0
  for _, entry in ipairs(some) do
    bytes = bytes + size_of(entry[2])
  end
  return bytes / #some
end

-- Take in entries that the ledger did not see.
local function take_in(count)
  redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', most_entries)  -- a first write that needs no memory
  local size = mean_size(count)
  local at_once = math.max(1, math.floor(most_bytes / SEGMENTS / size))
  while count > 0 do
    local entries = math.min(count, at_once)
    extend(entries, math.ceil(entries * size))
    count = count - entries
  end
end

-- Let the stream begin later, at so many entries. Returns false if a mark is none: somebody else wrote it.
local function begin_at(entries)
  local following = mark_at(1)
  while following and following.entries <= entries and redis.call('LLEN', KEYS[3]) > 2 do
    redis.call('LPOP', KEYS[3])
    first, following = following, mark_at(1)
  end
  if not following or following.entries <= first.entries then
    return false
  end
  local share = (entries - first.entries) / (following.entries - first.entries)
  first = { entries = entries, bytes = first.bytes + math.floor(share * (following.bytes - first.bytes)) }
  return true
end

local function open_ledger()
  first, last, opened, stored = mark_at(0), mark_at(-1), mark_at(-2), true
  if not (first and last and opened and mark_at(1) and last.entries >= first.entries and last.entries < 2 ^ 53) then
    begin_list({ entries = 0, bytes = 0 })
  end
  local length = redis.call('XLEN', KEYS[1])
  if length > most_entries then
    length = length - redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', most_entries)
  end
  if length > entries_now() then
    take_in(length - entries_now())
  elseif length < entries_now() and not begin_at(last.entries - length) then
    begin_list({ entries = 0, bytes = 0 })
    if length > 0 then
      take_in(length)
    end
  end
end

-- Trim whole segments, the oldest first, until an entry of `size` fits, or nothing is left.
local function make_room(size)
  if last.bytes - first.bytes + size <= most_bytes then
    return
  end
  local before = entries_now()
  while entries_now() > 0 and last.bytes - first.bytes + size > most_bytes do
    store()
    if redis.call('LLEN', KEYS[3]) > 2 then
      redis.call('LPOP', KEYS[3])
      first = mark_at(0)
    else
      begin_list(last)
    end
  end
  if entries_now() < before then
    redis.call('XTRIM', KEYS[1], 'MAXLEN', entries_now())
  end
end

-- Add an entry.
local function append(fields)
  local size = size_of(fields)
  make_room(size)
  redis.call('XADD', KEYS[1], '*', unpack(fields))
  extend(1, size)
end
