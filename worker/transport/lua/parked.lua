-- Shared by the scripts that drain parked messages.

-- The name of an element of the poison list, for the time of one drain: itself, unless it is large.
local function name_of_parked(element)
  return kept_whole(element) and element or digest_of_large(element)
end
