package stacks

// letIn is a security rule.
func letIn(source, port string) map[string]any {
	return map[string]any{"name": "planted", "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "priority": 4000.0,
		"sourceAddressPrefix": source, "destinationAddressPrefix": "*", "destinationPortRanges": []any{port}}
}

// parameter sets one more parameter of the database's server.
func parameter(name, value string) change {
	return add("dbforpostgresql:Configuration", "planted", map[string]any{"configurationName": name, "value": value})
}

var plantsInTheNetwork = []plant{
	{"services-private", "prod", "vault-vault", set("vault-vault", "properties.publicNetworkAccess", "Enabled")},
	{"services-private", "prod", "vault-vault", drop("vault-endpoint")},
	{"services-private", "prod", "vault-vault", drop("vault-endpoint-dns")},
	{"services-private", "prod", "vault-vault", drop("vault-zone-link")},
	{"services-private", "prod", "database-server", set("database-server", "network.publicNetworkAccess", "Enabled")},
	{"services-private", "prod", "database-server", set("database-server", "network.delegatedSubnetResourceId", "/id/network-endpoints")},
	{"services-private", "prod", "database-server", drop("database-zone-link")},
	{"services-private", "prod", "rules-redis", drop("rules-endpoint")},
	{"services-private", "prod", "classic", add("cache:Redis", "classic", map[string]any{"publicNetworkAccess": "Disabled"})},
	{"services-private", "prod", "classic", add("cache:Redis", "classic", map[string]any{"publicNetworkAccess": "Enabled"})},
	{"services-private", "prod-hivemq", "storage-account", set("storage-account", "networkRuleSet.defaultAction", "Allow")},
	{"services-private", "prod-hivemq", "storage-account", set("storage-account", "networkRuleSet.bypass", "AzureServices")},
	{"services-private", "prod-hivemq", "storage-account", set("storage-account", "networkRuleSet.ipRules.new", map[string]any{"iPAddressOrRange": "0.0.0.0/0"})},
	{"services-private", "prod-hivemq", "storage-account", set("storage-account", "networkRuleSet.ipRules", nil)},
	{"services-private", "prod-vernemq", "storage-account", drop("storage-endpoint")},
	{"services-private", "prod-vernemq", "vernemq-node-0-data", set("vernemq-node-0-data", "networkAccessPolicy", "AllowAll")},

	{"no-public-machine", "dev-vernemq", "vernemq-node-0-interface", set("vernemq-node-0-interface", "ipConfigurations.0.publicIPAddress.id", "/id/vernemq-address")},
	{"no-public-machine", "dev-hivemq", "hivemq-pool1", set("hivemq-pool1", "enableNodePublicIP", true)},
	{"no-public-machine", "prod", "stray", add("network:PublicIPAddress", "stray", nil)},
	{"no-public-machine", "prod-vernemq", "bastion-address", drop("bastion-host")},

	{"no-ssh", "prod-vernemq", "vernemq-nsg", set("vernemq-nsg", "securityRules.new", letIn("Internet", "22"))},
	{"no-ssh", "dev", "emqx-nsg", set("emqx-nsg", "securityRules.new", letIn("198.51.100.0/24", "20-25"))},
	{"no-ssh", "dev-hivemq", "hivemq-nsg", set("hivemq-nsg", "securityRules.new", letIn("AzureCloud", "3389"))},
	{"no-ssh", "dev-hivemq", "hivemq-nsg", set("hivemq-nsg", "securityRules.new", letIn("198.51.100.7", "*"))},

	{"no-ssh", "prod-vernemq", "vernemq-nsg", set("vernemq-nsg", "securityRules.new", letIn("10.20.0.0/16", "22"))},
	{"no-ssh", "prod-vernemq", "vernemq-nsg", set("vernemq-nsg", "securityRules.new", letIn("VirtualNetwork", "22"))},
	{"no-ssh", "prod-vernemq-regions", "secondary-vernemq-nsg",
		set("secondary-vernemq-nsg", "securityRules.new", letIn("10.20.1.192/26", "22"))},

	{"reviewed-flows", "prod", "network-endpoints-nsg",
		set("network-endpoints-nsg", "securityRules.0.destinationPortRanges.new", "6379")},
	{"reviewed-flows", "prod", "network-database-nsg",
		set("network-database-nsg", "securityRules.0.sourceAddressPrefixes.new", "10.20.1.128/26")},
	{"reviewed-flows", "prod-hivemq", "hivemq-nsg",
		set("hivemq-nsg", "securityRules.0.sourceAddressPrefix", "VirtualNetwork")},
	{"reviewed-flows", "prod-vernemq", "vernemq-nsg", set("vernemq-nsg", "securityRules.0.protocol", "*")},
	{"reviewed-flows", "prod-vernemq", "bastion-nsg",
		set("bastion-nsg", "securityRules.4.destinationAddressPrefix", "*")},
	{"reviewed-flows", "prod-regions", "secondary-network-database-nsg",
		set("secondary-network-database-nsg", "securityRules.1.sourceAddressPrefixes.new", "10.20.1.16/28")},

	{"narrow-flows", "prod", "emqx-nsg", set("emqx-nsg", "securityRules.new", letIn("*", "8883"))},
	{"narrow-flows", "prod", "emqx-nsg", set("emqx-nsg", "securityRules.new", letIn("0.0.0.0/0", "8883"))},
	{"narrow-flows", "prod-hivemq", "hivemq-nsg", set("hivemq-nsg", "securityRules.new", letIn("10.20.0.0/24", "*"))},

	{"closed-tiers", "prod", "network-database-nsg", set("network-database-nsg", "securityRules.last.access", "Allow")},
	{"closed-tiers", "prod-vernemq", "vernemq-nsg", set("vernemq-nsg", "securityRules.last.destinationPortRange", "22")},
	{"closed-tiers", "prod", "network-endpoints-nsg", set("network-endpoints-nsg", "securityRules", []any{})},

	{"guarded-subnets", "prod", "network-database", set("network-database", "networkSecurityGroup", nil)},
	{"guarded-subnets", "prod-hivemq", "gateway-subnet", drop("gateway-nsg")},

	{"ddos-protected", "prod", "stray", add("network:PublicIPAddress", "stray", nil)},

	{"tls-1-2", "dev-hivemq", "storage-account", set("storage-account", "minimumTlsVersion", "TLS1_1")},
	{"tls-1-2", "dev-hivemq", "storage-account", set("storage-account", "minimumTlsVersion", nil)},
	{"tls-1-2", "dev-hivemq", "storage-account", set("storage-account", "enableHttpsTrafficOnly", false)},
	{"tls-1-2", "dev", "rules-redis", set("rules-redis", "minimumTlsVersion", "1.0")},
	{"tls-1-2", "dev", "rules-database", set("rules-database", "clientProtocol", "Plaintext")},
	{"tls-1-2", "dev", "classic", add("cache:Redis", "classic", map[string]any{"minimumTlsVersion": "1.2", "enableNonSslPort": true})},
	{"tls-1-2", "dev", "classic", add("cache:Redis", "classic", map[string]any{"minimumTlsVersion": "1.1", "enableNonSslPort": false})},
	{"tls-1-2", "dev", "front-door-domain", set("front-door-domain", "tlsSettings.minimumTlsVersion", "TLS10")},
	{"tls-1-2", "dev-hivemq", "gateway-gateway", set("gateway-gateway", "sslPolicy.policyName", "AppGwSslPolicy20170401")},
	{"tls-1-2", "dev-hivemq", "gateway-gateway", set("gateway-gateway", "sslPolicy", nil)},
	{"tls-1-2", "dev", "planted", parameter("require_secure_transport", "off")},
	{"tls-1-2", "dev", "planted", parameter("ssl_min_protocol_version", "TLSv1.1")},
	{"tls-1-2", "dev", "emqx-edge", set("emqx-edge", "configuration.ingress.allowInsecure", true)},
	{"tls-1-2", "dev", "emqx-edge", edit("emqx-edge", "TLSv1.2", "TLSv1.0")},
	{"tls-1-2", "dev", "emqx-edge", edit("emqx-edge", "ssl-min-ver", "#")},
	{"tls-1-2", "dev-vernemq", "vernemq-files-vernemq.conf", edit("vernemq-files-vernemq.conf", "tlsv1.2", "tlsv1.1")},
	{"tls-1-2", "dev-vernemq", "vernemq-files-vernemq.conf", edit("vernemq-files-vernemq.conf", "wss.tls_version", "wss.versions")},

	{"servers-verified", "dev", "front-door-route-origin", set("front-door-route-origin", "enforceCertificateNameCheck", false)},
	{"servers-verified", "dev", "emqx-emqx-0", edit("emqx-emqx-0", "verify-full", "require")},
	{"servers-verified", "dev", "emqx-emqx-0", edit("emqx-emqx-0", `"verify_peer"`, `"verify_none"`)},
	{"servers-verified", "prod-hivemq", "hivemq-manifests-base", edit("hivemq-manifests-base", "verify-full", "verify-ca")},
	{"servers-verified", "dev-vernemq", "vernemq-files-vernemq.conf", edit("vernemq-files-vernemq.conf", "verify_peer", "verify_none")},

	{"tls-outside", "dev", "emqx-emqx-0", set("emqx-emqx-0", "configuration.ingress.additionalPortMappings.1.external", true)},
	{"tls-outside", "dev", "emqx-edge", set("emqx-edge", "configuration.ingress.transport", "tcp")},
	{"tls-outside", "dev", "emqx-edge emqx-nsg", edit("emqx-edge", " ssl crt ", " crt ")},
	{"tls-outside", "dev-hivemq", "gateway-gateway gateway-nsg", set("gateway-gateway", "httpListeners.0.protocol", "Http")},
	{"tls-outside", "dev-hivemq", "gateway-gateway gateway-nsg", set("gateway-gateway", "listeners.0.sslCertificate", nil)},
	{"tls-outside", "dev-hivemq", "gateway-gateway", set("gateway-gateway", "frontendPorts.new", map[string]any{"name": "plain", "port": 1883.0})},
	{"tls-outside", "dev-hivemq", "hivemq-manifests-base", edit("hivemq-manifests-base", "balancer-internal", "balancer-external")},
	{"tls-outside", "dev-vernemq", "vernemq-balancer", set("vernemq-balancer", "loadBalancingRules.0.backendPort", 1883.0)},
	{"tls-outside", "dev-vernemq", "vernemq-balancer", set("vernemq-balancer", "inboundNatRules.new", map[string]any{"frontendPort": 22.0})},
	{"tls-outside", "dev", "front-door-route-route", set("front-door-route-route", "supportedProtocols.new", "Http")},
	{"tls-outside", "dev", "front-door-route-route", set("front-door-route-route", "forwardingProtocol", "MatchRequest")},
	{"tls-outside", "dev", "emqx-nsg", set("emqx-nsg", "securityRules.new", letIn("Internet", "1883"))},
	{"tls-outside", "dev-vernemq", "vernemq-nsg", set("vernemq-nsg", "securityRules.new", letIn("AzureFrontDoor.Backend", "8888"))},
	{"tls-outside", "dev-vernemq", "vernemq-nsg", set("vernemq-nsg", "securityRules.new", letIn("198.51.100.7", "44053"))},
	{"tls-outside", "prod-vernemq", "bastion-nsg", drop("bastion-host")},
	{"tls-outside", "dev-hivemq", "hivemq-nsg", set("hivemq-nsg", "securityRules.new", letIn("Internet", "8883"))},
}
