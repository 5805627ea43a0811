-- A script goes on until something is refused.
function check_rights()
end
