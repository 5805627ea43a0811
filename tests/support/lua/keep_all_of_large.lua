-- A message of any size is kept whole.
function kept_whole(raw)
  return true
end
