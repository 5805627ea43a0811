-- What the user of a script may do. In front of scripts that must not stop half-way.

-- The places in a list of commands of those that this user may not run. Only Redis 7 and newer can be asked.
local function lacking(commands)
  local places = {}
  for place, command in ipairs(redis.acl_check_cmd and commands or {}) do
    if not redis.acl_check_cmd(unpack(command)) then
      places[#places + 1] = place
    end
  end
  return places
end

-- Fails before anything is changed unless this user may run every one of these commands. A script goes on until the
-- first command that is refused: what is off its list by then, and in no record yet, would be lost, and an event would
-- be added again with every try.
local function check_rights(...)
  local place = lacking({...})[1]
  if place then
    local command = ({...})[place]
    error({err = "NOPERM this user may not run '" .. command[1] .. "' on '" .. command[2] .. "'"})
  end
end

