-- Whatever is in the lease is an epoch.
function epoch_of(value)
  return tonumber(value or nil)
end
