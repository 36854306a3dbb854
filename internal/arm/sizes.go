package arm

import "strings"

// expression is a value that is one already.
type expression string

// size is a number or a name in the config that a deployment may choose instead.
type size struct {
	of, path  string // type without API version, and where in its body; "sku.name" may be beside the bag
	parameter string
	kind      string
	about     string
}

var sizes = []size{
	{"dbforpostgresql:Server", "sku.name", "databaseSku", "string",
		"Size of the PostgreSQL server, such as Standard_D4ds_v5."},
	{"dbforpostgresql:Server", "storage.storageSizeGB", "databaseStorageGb", "int",
		"GiB of the PostgreSQL server: 32, 64, 128, … Azure only ever grows it."},
	{"cache:RedisEnterprise", "sku.name", "redisSku", "string", "Size of Azure Managed Redis, such as Balanced_B1."},
	{"operationalinsights:Workspace", "retentionInDays", "logRetentionDays", "int", "Days that logs are kept: 30 to 730."},
}

// tier follows from a server's size, as in the program.
const tier = "[if(startsWith(parameters('databaseSku'), 'Standard_B'), 'Burstable', " +
	"if(startsWith(parameters('databaseSku'), 'Standard_E'), 'MemoryOptimized', 'GeneralPurpose'))]"

// parametrize has parameters say the sizes. Their defaults are what the config says.
func (e *exporter) parametrize(of *registered, top, bag map[string]any) {
	for _, s := range sizes {
		if s.of != of.name {
			continue
		}
		path := strings.Split(s.path, ".")
		for _, in := range []map[string]any{top, bag} {
			for _, name := range path[:len(path)-1] {
				in, _ = in[name].(map[string]any)
			}
			value, has := in[path[len(path)-1]]
			if !has {
				continue
			}
			e.template.Parameters[s.parameter] = Parameter{Type: s.kind, Default: value,
				Metadata: map[string]string{"description": s.about}}
			in[path[len(path)-1]] = expression("[parameters('" + s.parameter + "')]")
		}
	}
	if sku, ok := top["sku"].(map[string]any); ok && of.name == "dbforpostgresql:Server" {
		sku["tier"] = expression(tier)
	}
}

// outputs are those of the stack that clients and people need first, under the same names.
func (e *exporter) outputs() {
	host := "parameters('domain')"
	if e.stack.Domain == "" {
		host = quoted(e.stack.Config[domainKey])
	}
	add := func(name, kind, value string) { e.template.Outputs[name] = Output{kind, "[" + value + "]"} }
	add("mqttEndpoint", "string", "format('mqtts://{0}:8883', "+host+")")
	add("websocketEndpoint", "string", "format('wss://ws.{0}/mqtt', "+host+")")
	for _, of := range e.resources {
		switch of.name {
		case "network:Zone":
			add("nameServers", "array", "reference("+e.expression(of.id)+", '"+of.version+"').nameServers")
		case "keyvault:Vault":
			add("vaultName", "string", e.expression(of.id[strings.LastIndex(of.id, "/")+1:]))
		case "dbforpostgresql:Server":
			add("databaseHost", "string", "reference("+e.expression(of.id)+", '"+of.version+"').fullyQualifiedDomainName")
		}
	}
}
