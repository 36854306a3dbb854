-- The database checks users and gives their rules, by VerneMQ's own script. A client id that is not one level of a
-- topic is refused before: a rule with ${clientid} in it would allow its client more than it says.
require "auth/postgres"
local in_database = auth_on_register
function auth_on_register(reg) -- auth_on_register_m5 calls it as well
    if string.find(reg.client_id, "[+#/]") then
        return false
    end
    return in_database(reg)
end
hooks.auth_on_register = auth_on_register
