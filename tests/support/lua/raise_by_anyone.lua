-- Any process raises the epoch of any lease.
function is_owner()
  return true
end
