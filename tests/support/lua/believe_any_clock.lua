-- A lease may run for as long as a clock says that was put back since.
function runs(until_ms, now)
  return until_ms > now
end
