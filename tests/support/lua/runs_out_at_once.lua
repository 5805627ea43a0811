-- No lease keeps another process off.
function runs()
  return false
end
