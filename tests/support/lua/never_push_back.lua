-- What a dead owner had in hand stays where it is.
local shipped = push_back
function push_back(unacked, returned, waiting, list, chosen, died, grouped)
  return died and 0 or shipped(unacked, returned, waiting, list, chosen, died, grouped)
end
