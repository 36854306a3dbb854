package stacks

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// Summary is what clients notice of a stack. Every update leaves it in the outputs, for the next one to compare with.
type Summary struct {
	Broker            string `pulumi:"broker"` // "": nothing is deployed
	Domain            string `pulumi:"domain"`
	Zone              string `pulumi:"zone"` // DNS zone of the stack's own, "" for one of the team's
	Nodes             int    `pulumi:"nodeCount"`
	Connections       int    `pulumi:"connections"` // that the nodes hold together; 0: not known
	Location          string `pulumi:"location"`
	Zones             string `pulumi:"zones"`             // such as 1,2,3; "" where the region has none
	SecondaryLocation string `pulumi:"secondaryLocation"` // "": no second region
	Active            string `pulumi:"activeRegion"`      // primary or secondary
	TokenIssuer       string `pulumi:"tokenIssuer"`       // "": no tokens
	ClientIDs         string `pulumi:"clientIds"`         // that a user may connect as: prefix, username or any
	Certificate       string `pulumi:"certificate"`       // where it comes from: self-signed or key-vault
	ClientCertificate bool   `pulumi:"clientCertificate"` // clients must have one
	DatabaseMark      string `pulumi:"databaseRotation"`
	CookieMark        string `pulumi:"cookieRotation"`

	SystemVMSize string `pulumi:"systemVmSize"` // of HiveMQ's cluster, "" for other brokers

	DatabaseSKU       string `pulumi:"databaseSku"`
	DatabaseStorageGB int    `pulumi:"databaseStorageGb"`
	DatabaseVersion   string `pulumi:"databaseVersion"`
	DatabaseStandby   bool   `pulumi:"databaseStandby"`  // it has a hot standby in another zone
	DatabaseBegan     string `pulumi:"databaseRestored"` // server and time of the backup that it began with; "": empty
}

// summary is what clients notice of a plan.
func (p Plan) summary() Summary {
	s := Summary{
		Broker: p.Broker, Domain: p.Names.Host, Nodes: p.Nodes, Connections: p.Connections, Location: p.Location,
		Zones: strings.Join(p.Zones, ","), Active: p.Active, Certificate: TLSSelfSigned,
		ClientIDs: p.ClientIDs, DatabaseMark: p.Rotation.Database, CookieMark: p.Rotation.Cookie,
		DatabaseSKU: p.Database.SKU, DatabaseStorageGB: p.Database.StorageGB, DatabaseVersion: p.Database.Version,
		DatabaseStandby: p.Database.StandbyZone != "",
	}
	if r := p.Restore; r != nil {
		s.DatabaseBegan = r.Server + " " + r.Time
	}
	if p.Broker == HiveMQAKS {
		s.SystemVMSize = p.HiveMQ.SystemVMSize
	}
	if p.Names.ZoneGroup == "" {
		s.Zone = p.Names.Zone
	}
	if p.Secondary != nil {
		s.SecondaryLocation = p.Secondary.Location
	}
	if p.JWT != nil {
		s.TokenIssuer = p.JWT.Issuer
	}
	if p.CertificateSecretURL != "" {
		s.Certificate = TLSKeyVault
	}
	s.ClientCertificate = p.Broker == VerneMQVMs && p.VerneMQ.ClientCA != ""
	return s
}

// export leaves the summary in the outputs of the stack.
func (s Summary) export(ctx *pulumi.Context) {
	for name, value := range map[string]pulumi.Input{
		"broker": pulumi.String(s.Broker), "domain": pulumi.String(s.Domain), "zone": pulumi.String(s.Zone),
		"nodeCount":   pulumi.Int(s.Nodes),
		"connections": pulumi.Int(s.Connections),
		"location":    pulumi.String(s.Location), "zones": pulumi.String(s.Zones),
		"secondaryLocation": pulumi.String(s.SecondaryLocation), "activeRegion": pulumi.String(s.Active),
		"tokenIssuer": pulumi.String(s.TokenIssuer), "clientIds": pulumi.String(s.ClientIDs),
		"certificate":       pulumi.String(s.Certificate),
		"clientCertificate": pulumi.Bool(s.ClientCertificate),
		"databaseRotation":  pulumi.String(s.DatabaseMark), "cookieRotation": pulumi.String(s.CookieMark),
		"databaseSku": pulumi.String(s.DatabaseSKU), "databaseStorageGb": pulumi.Int(s.DatabaseStorageGB),
		"databaseVersion": pulumi.String(s.DatabaseVersion), "databaseStandby": pulumi.Bool(s.DatabaseStandby),
		"databaseRestored": pulumi.String(s.DatabaseBegan), "systemVmSize": pulumi.String(s.SystemVMSize),
	} {
		ctx.Export(name, value)
	}
}

// announce says what the difference to the last update that succeeded does to clients, in previews and in updates, and
// refuses [losses] that nobody agreed to, and what Azure does not change at once. It gives back that update's summary.
// That it can't be read is no reason not to deploy: what is protected stays.
func announce(ctx *pulumi.Context, p Plan) (Summary, error) {
	before, err := lastUpdate(ctx)
	if err != nil {
		// Who knows no better leaves a standby where it is.
		return Summary{DatabaseStandby: true}, ctx.Log.Warn(
			fmt.Sprintf("What is deployed can't be read, so that nothing is said about what changes for clients: %v", err), nil)
	}
	if refused := append(losses(before, p), notTogether(before, p.summary())...); len(refused) > 0 {
		return before, refused
	}
	for _, notice := range append(p.cautions(), notices(before, p.summary())...) {
		if err := ctx.Log.Warn(notice, nil); err != nil {
			return before, err
		}
	}
	return before, nil
}

// lastUpdate reads the stack's own outputs from the backend. A StackReference, which is the same call, would be a
// resource in every state and preview.
func lastUpdate(ctx *pulumi.Context) (Summary, error) {
	var stack struct {
		Outputs Summary `pulumi:"outputs"`
	}
	// The organisation: a bare name is one of the user's own on Pulumi Cloud.
	name := strings.Join([]string{ctx.Organization(), ctx.Project(), ctx.Stack()}, "/")
	err := ctx.Invoke("pulumi:pulumi:readStackOutputs", &struct {
		Name string `pulumi:"name"`
	}{name}, &stack)
	return stack.Outputs, err
}

// notices says in words what a difference does to clients: nothing when nothing is deployed, or nothing differs.
func notices(before, after Summary) []string {
	if before.Broker == "" {
		return nil
	}
	said := moved(before, after)
	if before.Broker != after.Broker {
		said = append(said, switched(before, after)...)
	} else if after.Nodes < before.Nodes {
		said = append(said, fmt.Sprintf("Nodes: from %d to %d. %s", before.Nodes, after.Nodes, fewerNodes[after.Broker]))
	}
	if before.Connections > after.Connections {
		said = append(said, fmt.Sprintf("The nodes hold %d connections together, instead of %d.", after.Connections,
			before.Connections))
	}
	said = append(said, credentials(before, after)...)
	said = append(said, regionsChanged(before, after)...)
	return append(said, rotated(before, after)...)
}

// moved is about where clients find the broker.
func moved(before, after Summary) []string {
	var said []string
	if before.Location != "" && before.Location != after.Location {
		said = append(said, fmt.Sprintf(
			"Region: from %s to %s. Everything is made anew there: users, topic rules, sessions and messages are lost.",
			before.Location, after.Location))
	}
	if before.Zone != "" && before.Zone != after.Zone {
		said = append(said, fmt.Sprintf("DNS zone: %s is deleted, with every name in it.", before.Zone))
	}
	if after.Zone != "" && before.Zone != after.Zone && before.Domain != after.Domain {
		said = append(said, fmt.Sprintf(
			"DNS zone: nobody finds names in %s before its name servers (output nameServers) are entered at the "+
				"parent domain.", after.Zone))
	}
	if before.Domain == after.Domain {
		return said
	}
	said = append(said, fmt.Sprintf(
		"Domain: from %s to %s. The old names are deleted at the end of this run, so that after %d seconds nobody "+
			"finds the broker by them; who is connected stays. To keep them for a while, see docs/switch.md first.",
		before.Domain, after.Domain, recordSeconds))
	if after.Certificate == TLSSelfSigned {
		return append(said, fmt.Sprintf(
			"The self-signed certificate is made anew for %s and ws.%[1]s alone. Clients must be given it, and until "+
				"the edge has picked it up, within the hour (HiveMQ's gateway: four hours), they see the old one.", after.Domain))
	}
	return append(said, fmt.Sprintf("The certificate in tls.certificate must name %s and ws.%[1]s before this run.",
		after.Domain))
}

// credentials is about what clients log in with. Who is connected notices nothing before the next login.
func credentials(before, after Summary) []string {
	var said []string
	// A listener of HiveMQ has one way to authenticate.
	passwords := func(s Summary) bool { return s.Broker != HiveMQAKS || s.TokenIssuer == "" }
	switch {
	case passwords(before) && !passwords(after):
		said = append(said, "Passwords are no longer taken: every client needs a token.")
	case !passwords(before) && passwords(after):
		said = append(said, "Passwords are taken again.")
	}
	switch {
	case before.TokenIssuer == after.TokenIssuer:
	case before.TokenIssuer == "":
		said = append(said, fmt.Sprintf("Tokens of %s are taken.", after.TokenIssuer))
	case after.TokenIssuer == "":
		said = append(said, fmt.Sprintf(
			"Tokens are no longer taken: who comes with one of %s needs a user and a password.", before.TokenIssuer))
	default:
		said = append(said, fmt.Sprintf("Tokens of %s are taken, those of %s no longer.", after.TokenIssuer,
			before.TokenIssuer))
	}
	if before.ClientIDs != after.ClientIDs {
		said = append(said, connectsAs[after.ClientIDs])
	}
	switch {
	case !before.ClientCertificate && after.ClientCertificate:
		said = append(said, "Every client must show a certificate of vernemq.clientCa besides its password.")
	case before.ClientCertificate && !after.ClientCertificate:
		said = append(said, "No certificate is asked of clients any more: a password is enough.")
	}
	return said
}

// connectsAs is what a client finds of the rule for client ids, when it connects the next time.
var connectsAs = map[string]string{
	assets.ClientIDsUsername: "A client is let in with its username as client id, and with those that " +
		"`amora user client-ids` gave it.",
	assets.ClientIDsPrefix: "A client is let in with its username as client id, with one that begins with the username " +
		"and a colon, and with those that `amora user client-ids` gave it.",
	assets.ClientIDsAny: "A client is let in with any client id. Who connects with another user's has that user's " +
		"session, and the messages that it gets.",
}

// regionsChanged is about the second region.
func regionsChanged(before, after Summary) []string {
	var said []string
	if before.SecondaryLocation != after.SecondaryLocation {
		if before.SecondaryLocation != "" {
			said = append(said, fmt.Sprintf(
				"The second region, %s, goes with all that is in it: the replica of the database, and the broker. "+
					"Clients that are connected there are cut off, and their sessions and messages are lost.",
				before.SecondaryLocation))
		}
		if after.SecondaryLocation != "" {
			said = append(said, fmt.Sprintf(
				"A second region, %s, will stand by. Nobody is cut off. Users and topic rules are copied there; "+
					"sessions and messages are not, and are lost to who is led there.", after.SecondaryLocation))
		}
		return said
	}
	if after.SecondaryLocation == "" || before.Active == after.Active {
		return nil
	}
	at := map[string]string{ActivePrimary: after.Location, ActiveSecondary: after.SecondaryLocation}
	said = append(said, fmt.Sprintf(
		"Clients are led to %s, within %d seconds (wss:// through Front Door: minutes). Who is connected to %s stays "+
			"there until it connects again, and clients of the two regions don't get each other's messages. Sessions, "+
			"messages that wait and "+
			"retained messages don't follow.",
		at[after.Active], components.TrafficManagerTTL, at[before.Active]))
	if after.Certificate == TLSSelfSigned {
		said = append(said, "The self-signed certificate is another one in each region: clients must trust both.")
	}
	return said
}

// rotated is about new secrets.
func rotated(before, after Summary) []string {
	var said []string
	if before.DatabaseMark != after.DatabaseMark {
		said = append(said, "New database passwords: the nodes are restarted for them. Clients of a node that "+
			"restarts are cut off and connect "+
			"again, by the passwords that they have. "+restarts[after.Broker])
	}
	if before.CookieMark != after.CookieMark && after.Broker != HiveMQAKS {
		said = append(said, "A new cookie: the nodes are restarted for it. Until all have it, those with the old one "+
			"and those with the new one "+
			"are two clusters, whose clients don't get each other's messages. "+recookied[after.Broker])
	}
	return said
}

// titles are the brokers' names for people.
var titles = map[string]string{
	EMQXContainerApps: "EMQX on Container Apps", HiveMQAKS: "HiveMQ on AKS", VerneMQVMs: "VerneMQ on VMs",
}

// switched is about another broker.
func switched(before, after Summary) []string {
	return append([]string{
		fmt.Sprintf("Broker: from %s to %s. The new one is up before the names move to it, and then the old one is "+
			"deleted, in the same run.",
			titles[before.Broker], titles[after.Broker]),
		fmt.Sprintf("Every client is cut off when the old broker is deleted, and has to connect again. The address "+
			"is another one; for %d "+
			"seconds after the names moved, a client may still be led to the old one, which may be gone. While both "+
			"run, clients of one don't "+
			"get what is published to the other.", recordSeconds),
		leaving[before.Broker],
		"Users and topic rules stay: they are in the database, and every broker reads them there.",
	}, joining(before.Broker, after)...)
}

// leaving is what goes with a broker.
var leaving = map[string]string{
	EMQXContainerApps: "Lost with the memory of EMQX: sessions with their subscriptions, messages that wait for " +
		"clients, and retained messages. " +
		again,
	HiveMQAKS: "Lost with the disks of HiveMQ: sessions with their subscriptions, messages that wait for clients, " +
		"and retained messages. " + again,
	VerneMQVMs: "Lost with the disks of VerneMQ: sessions with their subscriptions, messages that wait for clients, " +
		"and retained messages. " + again,
}

const again = "Clients must subscribe again, and what is to be retained must be published again."

// joining is what clients find another with a new broker.
func joining(before string, after Summary) []string {
	var said []string
	if before == VerneMQVMs {
		said = append(said, "Topic rules are taken to the letter again: one like a/+ no longer allows a subscription "+
			"to a/#, and ${clientid} "+
			"counts as a part of a level too.")
	}
	if before == EMQXContainerApps && after.Broker != EMQXContainerApps && after.Certificate == TLSKeyVault {
		said = append(said, fmt.Sprintf("wss:// has the certificate in tls.certificate, and no longer one of Front Door's: "+
			"it must name ws.%s too, before this run.", after.Domain))
	}
	switch after.Broker {
	case HiveMQAKS:
		return append(said,
			"HiveMQ knows passwords by a second hash. A user whom something other than `amora user` added, with "+
				"bcrypt alone, can't log in "+
				"before being given a password again.",
			idle)
	case VerneMQVMs:
		return append(said,
			"VerneMQ reads topic rules when a client connects, and in its own way: ${clientid} must be a whole "+
				"level; a rule that begins with + "+
				"or ${clientid} allows subscriptions of the form $share/GROUP/… only; a/+ also allows a subscription to a/#.",
			idle)
	default:
		return append(said, fmt.Sprintf(
			"wss://ws.%s goes through Front Door, which has to get a certificate for it first (minutes to an hour), "+
				"and which takes 3,000 connections at most, for four hours each; keepalives must be below five "+
				"minutes there.", after.Domain))
	}
}

const idle = "A connection on which nothing is said for 30 minutes is dropped: keepalives must be below 20 minutes."

// fewerNodes is what a node takes with it.
var fewerNodes = map[string]string{
	EMQXContainerApps: "Clients of the nodes that go are cut off and connect to the others. Lost with the memory of " +
		"those nodes: their clients' " +
		"sessions, and messages that wait. Retained messages stay: every node has them.",
	HiveMQAKS: "Clients of the brokers that go are cut off and connect to the others, which have their sessions and " +
		"messages.",
	VerneMQVMs: "The nodes that go hand their clients, and what waits for those, to the others first; clients are " +
		"cut off once.",
}

// restarts is what a restart of a node means.
var restarts = map[string]string{
	EMQXContainerApps: "Sessions and messages that wait are lost with the memory of each node in turn.",
	HiveMQAKS:         "Sessions and messages stay on disk.",
	VerneMQVMs:        "Sessions and messages stay on disk.",
}

// recookied is what a new cookie means. A node of EMQX that restarts gets its memory from the others, which it can't
// reach then.
var recookied = map[string]string{
	EMQXContainerApps: "Sessions, messages that wait and retained messages are lost: what EMQX holds in memory does " +
		"not pass from the one to the " +
		"other.",
	VerneMQVMs: "Sessions and messages stay on disk.",
}
