-- The database checks users and gives their rules: VerneMQ's own script has the pool and the hooks for it. A client id
-- that is not one level of a topic is refused before: a rule with ${clientid} in it would allow its client more than it
-- says.
require "auth/postgres"
function auth_on_register(reg) -- auth_on_register_m5 calls it as well
    if reg.username == nil or reg.password == nil or string.find(reg.client_id, "[+#/]") then
        return false
    end
    local allowed = postgres.execute(pool, "SELECT publish_acl, subscribe_acl FROM vernemq.login($1, $2, $3)",
        reg.username, obf.decrypt(reg.password), reg.client_id)
    if #allowed ~= 1 then
        return false
    end
    cache_insert(reg.mountpoint, reg.client_id, reg.username, json.decode(allowed[1].publish_acl),
        json.decode(allowed[1].subscribe_acl))
    return true
end
hooks.auth_on_register = auth_on_register
