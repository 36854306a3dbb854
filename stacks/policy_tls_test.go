package stacks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

var tlsPolicies = []rule{
	{
		id: "tls-1-2", title: "Whatever has a lowest TLS version takes 1.2 at least, and nothing that speaks TLS " +
			"takes plain connections beside it",
		sources: []string{"DP-3", "NS-8", "SE:07"},
		check: both(
			each("storage:StorageAccount", func(_ estate, n node) []violation {
				return demand(modern(n.text("minimumTlsVersion")) && n.at("enableHttpsTrafficOnly") != false, n,
					"takes %q, or plain HTTP", n.text("minimumTlsVersion"))
			}),
			each("cache:Redis", func(_ estate, n node) []violation {
				return demand(modern("tls"+n.text("minimumTlsVersion")) && n.at("enableNonSslPort") == false, n,
					"takes TLS %q, or none", n.text("minimumTlsVersion"))
			}),
			each("cache:RedisEnterprise", func(_ estate, n node) []violation {
				return demand(modern("tls"+n.text("minimumTlsVersion")), n, "takes TLS %q", n.text("minimumTlsVersion"))
			}),
			each("cache:Database", func(_ estate, n node) []violation {
				return demand(n.text("clientProtocol") == "Encrypted", n, "takes plain connections")
			}),
			each("cdn:AFDCustomDomain", func(_ estate, n node) []violation {
				return demand(modern(n.text("tlsSettings", "minimumTlsVersion")), n, "takes %q",
					n.text("tlsSettings", "minimumTlsVersion"))
			}),
			each("network:ApplicationGateway", gatewayPolicy),
			each("dbforpostgresql:Configuration", databaseParameter),
			each("app:ContainerApp", func(_ estate, n node) []violation {
				return demand(n.at("configuration", "ingress") == nil ||
					n.at("configuration", "ingress", "allowInsecure") == false, n, "takes plain HTTP")
			}),
			versionsInFiles,
		),
	},
	{
		id:      "servers-verified",
		title:   "Whoever speaks TLS to the database or to an origin checks the certificate and the name",
		sources: []string{"IM-4", "DP-3", "SE:07"},
		check: both(
			each("cdn:AFDOrigin", func(_ estate, n node) []violation {
				return demand(n.at("enforceCertificateNameCheck") == true, n, "is trusted under any name")
			}),
			verifiedInFiles,
		),
	},
	{
		id: "tls-outside", title: "Every port that is open from outside leads to something that ends TLS",
		sources: []string{"NS-8", "DP-3", "DP-7", "SE:06", "SE:07"},
		check: both(
			each("app:ContainerApp", ingressEndsTLS),
			each("network:ApplicationGateway", listenersEndTLS),
			each("network:LoadBalancer", balancedPortsEndTLS),
			each("cdn:Route", routeEndsTLS),
			each("storage:Blob", noPublicService),
			eachInbound(openPortsEndTLS),
		),
		accepted: []exception{
			{"apps/mqtts 30000-32767", "the environment's load balancer forwards 8883 to a node port that Azure chooses"},
			{"apps/websocket 31443", "the environment's own HTTPS, behind its load balancer"},
			{"gateway/management 65200-65535",
				"Azure manages Application Gateway through these; it answers Azure's certificates only"},
		},
	},
}

// modern says whether a version of TLS, in any of Azure's spellings, is 1.2 or 1.3.
func modern(version string) bool {
	plain := strings.NewReplacer("v", "", ".", "", "_", "").Replace(strings.ToLower(version))
	return plain == "tls12" || plain == "tls13"
}

// gatewayPolicy takes the predefined policies whose lowest version is 1.2, by Microsoft's "Application Gateway TLS
// policy overview".
func gatewayPolicy(_ estate, n node) []violation {
	policy := n.text("sslPolicy", "policyName")
	named := slices.Contains([]string{"AppGwSslPolicy20170401S", "AppGwSslPolicy20220101", "AppGwSslPolicy20220101S"},
		policy)
	return demand(named || modern(n.text("sslPolicy", "minProtocolVersion")), n, "has the policy %q", policy)
}

func databaseParameter(_ estate, n node) []violation {
	switch value := n.text("value"); n.text("configurationName") {
	case "ssl_min_protocol_version":
		return demand(modern(value), n, "takes %q", value)
	case "require_secure_transport":
		return demand(strings.EqualFold(value, "on"), n, "takes plain connections")
	}
	return nil
}

var version = regexp.MustCompile(`(?i)\b(ssl|tls)v?[123]([._]?[0-3])?\b`)

// versionsInFiles looks for old versions in everything that a stack uploads or hands to a container, and for the lines
// that set the lowest one.
func versionsInFiles(e estate) []violation {
	var found []violation
	for _, n := range e.azure() {
		for _, s := range n.strings() {
			for _, v := range version.FindAllString(s.value, -1) {
				found = append(found, demand(modern(v), n, "%s names %s", s.key, v)...)
			}
			if strings.Contains(s.value, "\nfrontend ") {
				found = append(found, demand(strings.Contains(s.value, "ssl-default-bind-options ssl-min-ver TLSv1."),
					n, "%s sets no lowest version", s.key)...)
			}
		}
		if n.text("blobName") == "vernemq.conf" {
			for _, kind := range []string{"ssl", "wss"} {
				found = append(found,
					demand(strings.Contains(n.text("source"), "\nlistener."+kind+".tls_version = tlsv1."), n,
						"the listener %s sets no versions", kind)...)
			}
		}
	}
	return found
}

var sslMode = regexp.MustCompile(`(?i)sslmode(?:=|, value: |:-|: )["']?([a-z-]+)`)

// verifiedInFiles looks at what says how the database's certificate is checked.
func verifiedInFiles(e estate) []violation {
	var found []violation
	for _, n := range e.azure() {
		for _, s := range n.strings() {
			if s.key == "PGSSLMODE" {
				found = append(found, demand(s.value == "verify-full", n, "PGSSLMODE is %s", s.value)...)
			}
			for _, mode := range sslMode.FindAllStringSubmatch(s.value, -1) {
				found = append(found, demand(mode[1] == "verify-full", n, "%s has %s", s.key, mode[0])...)
			}
			for _, unverified := range []string{`"verify_none"`, "ssl.verify = verify_none", "verify none",
				"insecure_skip_verify: true"} {
				found = append(found, demand(!strings.Contains(s.value, unverified), n, "%s has %s", s.key, unverified)...)
			}
		}
	}
	return found
}

// ingressEndsTLS knows that the environment ends TLS for HTTP; for TCP the app itself has to, and HAProxy does.
func ingressEndsTLS(_ estate, n node) []violation {
	ingress := n.at("configuration", "ingress")
	var found []violation
	if at(ingress, "external") == true {
		http := at(ingress, "transport") != "tcp" && at(ingress, "allowInsecure") == false
		found = demand(http || proxyEndsTLS(n, at(ingress, "targetPort")), n, "takes plain connections from outside")
	}
	for _, p := range list(at(ingress, "additionalPortMappings")) {
		found = append(found,
			demand(p["external"] != true || proxyEndsTLS(n, p["targetPort"]), n,
				"takes plain connections from outside on %v", p["exposedPort"])...)
	}
	return found
}

// proxyEndsTLS says whether a port of haproxy.cfg is bound with a certificate.
func proxyEndsTLS(app node, port any) bool {
	bind := regexp.MustCompile(fmt.Sprintf(`(?m)^\s*bind \S*:%v .*\bssl crt\b`, port))
	return slices.ContainsFunc(app.list("configuration", "secrets"), func(s map[string]any) bool {
		text, _ := s["value"].(string)
		return bind.MatchString(text)
	})
}

func listenersEndTLS(_ estate, n node) []violation {
	var found []violation
	secured := securedPorts(n)
	for _, port := range n.list("frontendPorts") {
		found = append(found,
			demand(slices.Contains(secured, fmt.Sprint(port["port"])), n,
				"the port %v has no listener with a certificate", port["port"])...)
	}
	for _, l := range slices.Concat(n.list("listeners"), n.list("httpListeners")) {
		found = append(found, demand(endsTLS(l), n, "the listener %v takes plain connections", l["name"])...)
	}
	return found
}

func endsTLS(listener map[string]any) bool {
	return (listener["protocol"] == "Tls" || listener["protocol"] == "Https") &&
		at(listener, "sslCertificate", "id") != nil
}

// securedPorts are the ports of an Application Gateway that only listeners with a certificate take.
func securedPorts(gateway node) []string {
	var ports []string
	for _, port := range gateway.list("frontendPorts") {
		taken := slices.DeleteFunc(slices.Concat(gateway.list("listeners"), gateway.list("httpListeners")),
			func(l map[string]any) bool {
				return at(l, "frontendPort", "id") != fmt.Sprintf("$self/frontendPorts/%v", port["name"])
			})
		if len(taken) > 0 && !slices.ContainsFunc(taken, func(l map[string]any) bool { return !endsTLS(l) }) {
			ports = append(ports, fmt.Sprint(port["port"]))
		}
	}
	return ports
}

func balancedPortsEndTLS(e estate, n node) []violation {
	public := slices.ContainsFunc(n.list("frontendIPConfigurations"), func(f map[string]any) bool {
		return f["publicIPAddress"] != nil
	})
	if !public {
		return nil
	}
	found := demand(len(n.list("inboundNatRules")) == 0, n, "leads from outside to single machines")
	ports := machinePorts(e.beside(n))
	for _, r := range n.list("loadBalancingRules") {
		found = append(found,
			demand(slices.Contains(ports, fmt.Sprint(r["backendPort"])), n, "%v leads to %v, where no node ends TLS",
				r["frontendPort"], r["backendPort"])...)
	}
	return found
}

// machinePorts are those on which node.sh opens listeners with TLS.
func machinePorts(e estate) []string {
	var ports []string
	for _, listener := range nodeListener.FindAllStringSubmatch(e.file("node.sh"), -1) {
		for _, value := range regexp.MustCompile(`(?m)^`+listener[2]+`=(\d+)$`).
			FindAllStringSubmatch(e.file("vernemq.env"), -1) {
			ports = append(ports, value[1])
		}
	}
	return ports
}

func routeEndsTLS(_ estate, n node) []violation {
	protocols := texts(n.at("supportedProtocols"))
	return slices.Concat(
		demand(slices.Equal(protocols, []string{"Https"}) || n.text("httpsRedirect") == "Enabled" &&
			slices.Contains(protocols, "Https"), n, "takes %v", protocols),
		demand(n.text("forwardingProtocol") == "HttpsOnly", n, "forwards as %s", n.text("forwardingProtocol")),
	)
}

// noPublicService keeps Kubernetes from making a public load balancer: the gateway is the only way in.
func noPublicService(_ estate, n node) []violation {
	var found []violation
	for _, text := range strings.Split(n.text("source"), "\n---\n") {
		var document map[string]any
		if !strings.HasSuffix(n.text("blobName"), ".yaml") || yaml.Unmarshal([]byte(text), &document) != nil ||
			document["kind"] != "Service" {
			continue
		}
		open := at(document, "spec", "type") == "NodePort" ||
			at(document, "spec", "type") == "LoadBalancer" &&
				at(document, "metadata", "annotations", "service.beta.kubernetes.io/azure-load-balancer-internal") != "true"
		found = append(found, demand(!open, n, "the Service %v is public", at(document, "metadata", "name"))...)
	}
	return found
}

// openPortsEndTLS wants TLS behind each port that a security group opens to the Internet or to a service of Azure.
func openPortsEndTLS(e estate, r securityRule) []violation {
	if !slices.ContainsFunc(r.sources, outside) {
		return nil
	}
	var found []violation
	for _, port := range r.ports {
		for _, v := range demand(slices.Contains(portsWithTLS(e, r.group), port), r.group,
			"%s lets %v in to %s, where nothing ends TLS", r.name, r.sources, port) {
			found = append(found, v.on(fmt.Sprintf("%s/%s %s", e.tier(r.group), r.name, port)))
		}
	}
	return found
}

// portsWithTLS are those on which something in the subnets of a security group ends TLS.
func portsWithTLS(e estate, group node) []string {
	var ports []string
	for _, subnet := range e.where("network:Subnet", group.id, "networkSecurityGroup", "id") {
		for _, environment := range e.where("app:ManagedEnvironment", subnet.id, "vnetConfiguration",
			"infrastructureSubnetId") {
			ports = append(ports, "443")
			for _, app := range e.where("app:ContainerApp", environment.id, "managedEnvironmentId") {
				for _, p := range app.list("configuration", "ingress", "additionalPortMappings") {
					if p["external"] == true && proxyEndsTLS(app, p["targetPort"]) {
						ports = append(ports, fmt.Sprint(p["exposedPort"]))
					}
				}
			}
		}
		inside := func(configuration map[string]any) bool { return at(configuration, "subnet", "id") == subnet.id }
		for _, gateway := range e.all("network:ApplicationGateway") {
			if slices.ContainsFunc(gateway.list("gatewayIPConfigurations"), inside) {
				ports = append(ports, securedPorts(gateway)...)
			}
		}
		for _, machine := range e.all("network:NetworkInterface") {
			if slices.ContainsFunc(machine.list("ipConfigurations"), inside) {
				ports = append(ports, machinePorts(e.beside(machine))...)
			}
		}
		for _, bastion := range e.all("network:BastionHost") {
			if slices.ContainsFunc(bastion.list("ipConfigurations"), inside) {
				ports = append(ports, "443")
			}
		}
	}
	return ports
}
