package stacks

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

var operationsPolicies = []rule{
	{
		id: "logs-kept", title: "The logs of every resource that has some go to a workspace; a type that nobody has " +
			"looked up is a violation",
		sources: []string{"LT-3", "LT-5", "SE:10", "OE:07"},
		check: func(e estate) []violation {
			var found []violation
			for _, n := range e.azure() {
				logs, known := logsOf[n.kind]
				found = append(found, demand(known, n, "%s is a type of which nobody has said whether it has logs", n.kind)...)
				if logs.has {
					found = append(found, demand(logged(e, n.id+logs.of), n, "its logs are not kept")...)
				}
			}
			return found
		},
		accepted: []exception{
			{"compute:VirtualMachine",
				"its two categories are about software updates; what the machine itself logs comes through the monitoring agent"},
			{"insights:Component", "all of its tables are in the workspace already"},
			{"insights:DataCollectionRule",
				"its one category tells of faults in transformations, and no rule here transforms anything"},
		},
	},
	{
		id: "logs-kept-long", title: "Logs are kept for 30 days at least", sources: []string{"LT-6", "SE:10"},
		check: each("operationalinsights:Workspace", func(_ estate, n node) []violation {
			return demand(n.number("retentionInDays") >= 30, n, "keeps logs for %v days", n.number("retentionInDays"))
		}),
	},
	{
		id: "alerts-reach-people", title: "Each alert is on, has a severity, an action group, and a section in the runbook",
		sources: []string{"IR-2", "IR-3", "IR-5", "SE:10", "OE:08", "RE:10"},
		check:   both(each("insights:MetricAlert", alerting), each("insights:ScheduledQueryRule", alerting)),
	},
	{
		id: "people-are-told", title: "Each action group is on and tells somebody", sources: []string{"IR-2", "OE:08"},
		prodOnly: true,
		check: each("insights:ActionGroup", func(_ estate, n node) []violation {
			return demand(n.at("enabled") == true && len(n.list("emailReceivers")) > 0, n, "tells nobody")
		}),
	},
	{
		id: "patched", title: "Machines and cluster nodes take security updates by themselves",
		sources: []string{"PV-6", "SE:08"},
		check: both(
			each("compute:VirtualMachine", func(_ estate, n node) []violation {
				return demand(at(n.at("osProfile", "linuxConfiguration"), "patchSettings",
					"patchMode") == "AutomaticByPlatform", n, "waits for somebody to patch it")
			}),
			each("containerservice:ManagedCluster", func(_ estate, n node) []violation {
				channels := []string{n.text("autoUpgradeProfile", "nodeOSUpgradeChannel"),
					n.text("autoUpgradeProfile", "upgradeChannel")}
				return demand(!slices.Contains(channels, "") && !slices.Contains(channels, "none") &&
					!slices.Contains(channels, "None"), n, "has the channels %v", channels)
			}),
		),
	},
	{
		id: "tagged", title: "Everything that takes tags says which project and stack it belongs to",
		sources: []string{"AM-1", "OE:05"},
		check: func(e estate) []violation {
			var found []violation
			for _, n := range e.azure() {
				found = append(found,
					demand(takesNoTags(n.kind) || n.text("tags", "project") != "" && n.text("tags", "stack") != "", n,
						"has the tags %v", n.at("tags"))...)
			}
			return found
		},
	},
}

// untaggedBetweenRegions are the types without tags that only a stack in two regions has.
var untaggedBetweenRegions = []string{"dbforpostgresql:VirtualEndpoint", "network:Endpoint",
	"network:VirtualNetworkPeering"}

// logs says whether a kind of resource has categories of logs, by Microsoft's "Supported resource log categories for
// Azure Monitor".
type logs struct {
	has bool
	of  string // the child resource that has them
}

var (
	hasLogs = logs{has: true}
	noLogs  = logs{}
)

// logsOf are all kinds that a stack may deploy. Those without logs have metrics only, or are parts and settings of
// another resource.
var logsOf = map[string]logs{
	"app:ContainerApp":                    noLogs, // its environment has them
	"app:Job":                             noLogs, // its environment has them
	"app:ManagedEnvironment":              hasLogs,
	"authorization:ManagementLockByScope": noLogs, // the subscription's activity log has what is done to it
	"authorization:RoleAssignment":        noLogs, // the same
	"azureactivedirectory:B2CTenant":      noLogs, // Entra ID keeps sign-ins within the tenant
	"cache:Database":                      hasLogs,
	"cache:Redis":                         hasLogs,
	"cache:RedisEnterprise":               noLogs, // metrics; its database has logs
	"cdn:AFDCustomDomain":                 noLogs, // part of the profile
	"cdn:AFDEndpoint":                     noLogs, // part of the profile
	"cdn:AFDOrigin":                       noLogs, // part of the profile
	"cdn:AFDOriginGroup":                  noLogs, // part of the profile
	"cdn:Profile":                         hasLogs,
	"cdn:Route":                           noLogs, // part of the profile
	"cdn:SecurityPolicy":                  noLogs, // the profile has what it refuses
	"compute:Disk":                        noLogs, // metrics, on its machine
	"compute:VirtualMachine":              hasLogs,
	"compute:VirtualMachineExtension":     noLogs, // part of the machine
	"compute:VirtualMachineRunCommandByVirtualMachine": noLogs, // part of the machine
	"containerregistry:Registry":                       hasLogs,
	"containerservice:AgentPool":                       noLogs, // the cluster has them
	"containerservice:MaintenanceConfiguration":        noLogs, // setting of the cluster
	"containerservice:ManagedCluster":                  hasLogs,
	"dbforpostgresql:Configuration":                    noLogs, // setting of the server
	"dbforpostgresql:Database":                         noLogs, // the server has them
	"dbforpostgresql:Server":                           hasLogs,
	"dbforpostgresql:VirtualEndpoint":                  noLogs, // names of the servers, which have them
	"insights:ActionGroup":                             noLogs, // nothing
	"insights:Component":                               hasLogs,
	"insights:DataCollectionRule":                      hasLogs,
	"insights:DataCollectionRuleAssociation":           noLogs, // setting
	"insights:DiagnosticSetting":                       noLogs, // setting
	"insights:MetricAlert":                             noLogs, // nothing
	"insights:ScheduledQueryRule":                      noLogs, // nothing
	"insights:Workbook":                                noLogs, // nothing
	"keyvault:Secret":                                  noLogs, // the vault has them
	"keyvault:Vault":                                   hasLogs,
	"kubernetesconfiguration:Extension":                noLogs, // the cluster has them
	"kubernetesconfiguration:FluxConfiguration":        noLogs, // the cluster has them
	"managedidentity:FederatedIdentityCredential":      noLogs, // part of the identity
	"managedidentity:UserAssignedIdentity":             noLogs, // Entra ID has its sign-ins
	"network:Policy":                                   noLogs, // the profile has what it refuses
	"network:ApplicationGateway":                       hasLogs,
	"network:BastionHost":                              hasLogs,
	"network:DdosProtectionPlan":                       noLogs, // the addresses have them
	"network:Endpoint":                                 noLogs, // part of Traffic Manager's profile
	"network:LoadBalancer":                             hasLogs,
	"network:NatGateway":                               noLogs, // metrics; flow logs come with the SKU StandardV2 only
	"network:NetworkInterface":                         noLogs, // metrics
	"network:NetworkSecurityGroup":                     hasLogs,
	"network:PrivateDnsZoneGroup":                      noLogs,  // part of the endpoint
	"network:PrivateEndpoint":                          noLogs,  // metrics
	"network:PrivateZone":                              noLogs,  // metrics
	"network:Profile":                                  hasLogs, // Traffic Manager's
	"network:PublicIPAddress":                          hasLogs,
	"network:RecordSet":                                noLogs, // part of the zone
	"network:Subnet":                                   noLogs, // part of the network
	"network:VirtualNetwork":                           hasLogs,
	"network:VirtualNetworkLink":                       noLogs, // part of the zone
	"network:VirtualNetworkPeering":                    noLogs, // part of the network
	"network:Zone":                                     noLogs, // metrics
	"operationalinsights:Workspace":                    hasLogs,
	"recoveryservices:ProtectedItem":                   noLogs, // the vault has them
	"recoveryservices:ProtectionPolicy":                noLogs, // part of the vault
	"recoveryservices:Vault":                           hasLogs,
	"resources:AzureCliScript":                         noLogs, // its own output, for as long as Azure keeps the script
	"resources:ResourceGroup":                          noLogs, // the subscription's activity log
	"storage:Blob":                                     noLogs, // the account has them
	"storage:BlobContainer":                            noLogs, // the account has them
	"storage:BlobServiceProperties":                    noLogs, // setting of the account
	"storage:ManagementPolicy":                         noLogs, // setting of the account
	"storage:StorageAccount":                           {true, "/blobServices/default"},
}

// logged says whether a diagnostic setting sends a resource's logs to a workspace of the stack.
func logged(e estate, id string) bool {
	return slices.ContainsFunc(e.where("insights:DiagnosticSetting", id, "resourceUri"), func(setting node) bool {
		workspace, known := e.byID(setting.at("workspaceId"))
		return known && workspace.kind == "operationalinsights:Workspace" &&
			slices.ContainsFunc(setting.list("logs"), func(l map[string]any) bool { return l["enabled"] == true })
	})
}

var runbookSection = regexp.MustCompile(`/docs/runbook\.md#([a-z-]+)`)

// alerting takes alerts on metrics and on logs, which name their action groups differently.
func alerting(e estate, n node) []violation {
	groups := texts(n.at("actions", "actionGroups"))
	for _, action := range n.list("actions") {
		id, _ := action["actionGroupId"].(string)
		groups = append(groups, id)
	}
	reached := slices.ContainsFunc(groups, func(id string) bool {
		group, known := e.byID(id)
		return known && group.kind == "insights:ActionGroup"
	})
	severity := n.number("severity")
	section := runbookSection.FindStringSubmatch(n.text("actions", "customProperties", "runbook") + " " +
		n.text("description"))
	return slices.Concat(
		demand(n.at("enabled") == true, n, "is off"),
		demand(reached, n, "reaches nobody"),
		demand(severity >= 0 && severity <= 4, n, "has no severity"),
		demand(section != nil && strings.Contains(runbook(), "\n## "+section[1]+"\n"), n, "has no section in the runbook"),
	)
}

// runbook is the text of docs/runbook.md.
func runbook() string {
	text, err := os.ReadFile("../docs/runbook.md")
	if err != nil {
		return ""
	}
	return string(text)
}
