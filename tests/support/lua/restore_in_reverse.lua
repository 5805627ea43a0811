-- What a dead owner had in hand comes back with the newest first.
local shipped = is_newer
function is_newer(tag, other)
  return shipped(other, tag)
end
