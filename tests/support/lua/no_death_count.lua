-- No message is ever found to kill its workers.
function counts_as_death()
  return false
end
