-- A message of any size is handed out.
local shipped = why_parked
function why_parked(raw, deaths, max_bytes, max_deaths)
  return shipped('', deaths, max_bytes, max_deaths)
end
