package stacks

import (
	"errors"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components"
)

// live is a stack that is deployed, with a broker.
func live(broker string) Summary {
	return Summary{
		Broker: broker, Domain: "mqtt.example.com", Zone: "mqtt.example.com", Nodes: 5, Connections: 5000,
		Location: "westeurope", Zones: "1,2,3",
		SecondaryLocation: "northeurope", Active: ActivePrimary, Certificate: TLSKeyVault, DatabaseMark: "1", CookieMark: "1",
	}
}

// lines checks that there is one notice for each of these texts, in this order, which it contains.
func lines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d notices, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("notice %d does not say %q:\n%s", i, want[i], got[i])
		}
	}
}

func TestASwitchInEachDirectionSaysWhatIsLostAndWhatIsOtherwise(t *testing.T) {
	const (
		hash     = "`amora user` added, with bcrypt alone, can't log in"
		idle     = "keepalives must be below 20 minutes"
		clientID = "${clientid} must be a whole level; a rule that begins with + or ${clientid} allows subscriptions " +
			"of the form $share/GROUP/… only"
		letter = "a/+ no longer allows a subscription to a/#"
		door   = "3,000 connections at most"
	)
	const wss = "it must name ws.mqtt.example.com too, before this run"
	for _, c := range []struct {
		before, after, title, lost string
		others                     []string
	}{
		{EMQXContainerApps, HiveMQAKS, "from EMQX on Container Apps to HiveMQ on AKS", "Lost with the memory of EMQX",
			[]string{wss, hash, idle}},
		{EMQXContainerApps, VerneMQVMs, "from EMQX on Container Apps to VerneMQ on VMs", "Lost with the memory of EMQX",
			[]string{wss, clientID, idle}},
		{HiveMQAKS, EMQXContainerApps, "from HiveMQ on AKS to EMQX on Container Apps", "Lost with the disks of HiveMQ",
			[]string{door}},
		{HiveMQAKS, VerneMQVMs, "from HiveMQ on AKS to VerneMQ on VMs", "Lost with the disks of HiveMQ",
			[]string{clientID, idle}},
		{VerneMQVMs, EMQXContainerApps, "from VerneMQ on VMs to EMQX on Container Apps",
			"Lost with the disks of VerneMQ", []string{letter, door}},
		{VerneMQVMs, HiveMQAKS, "from VerneMQ on VMs to HiveMQ on AKS", "Lost with the disks of VerneMQ",
			[]string{letter, hash, idle}},
	} {
		t.Run(c.before+" to "+c.after, func(t *testing.T) {
			want := append([]string{c.title, "60 seconds after the names moved", c.lost, "Users and topic rules stay"},
				c.others...)
			lines(t, notices(live(c.before), live(c.after)), want...)
		})
	}
}

func TestAnEditSaysWhatItDoesToClients(t *testing.T) {
	for _, c := range []struct {
		name   string
		broker string
		before func(*Summary)
		after  func(*Summary)
		want   []string
	}{
		{"nothing", EMQXContainerApps, nil, nil, nil},
		{"more nodes", EMQXContainerApps, nil, func(s *Summary) { s.Nodes, s.Connections = 6, 6000 }, nil},
		{"fewer nodes of EMQX", EMQXContainerApps, nil, func(s *Summary) { s.Nodes = 3 },
			[]string{"from 5 to 3. Clients of the nodes that go are cut off and connect to the others. Lost"}},
		{"fewer nodes of HiveMQ", HiveMQAKS, nil, func(s *Summary) { s.Nodes = 3 },
			[]string{"from 5 to 3. Clients of the brokers that go"}},
		{"fewer nodes of VerneMQ", VerneMQVMs, nil, func(s *Summary) { s.Nodes = 3 },
			[]string{"from 5 to 3. The nodes that go hand their clients"}},
		{"smaller nodes", VerneMQVMs, nil, func(s *Summary) { s.Connections = 400 },
			[]string{"The nodes hold 400 connections together, instead of 5000."}},
		{"an end of the licence", HiveMQAKS, nil, func(s *Summary) { s.Connections = 25 }, []string{"hold 25 connections"}},
		{"limits that were not known", HiveMQAKS, func(s *Summary) { s.Connections = 0 }, nil, nil},
		{"another name", EMQXContainerApps, nil, func(s *Summary) { s.Domain = "new.mqtt.example.com" },
			[]string{"from mqtt.example.com to new.mqtt.example.com. The old names are deleted at the end of this " +
				"run, so that after 60 seconds", "must name new.mqtt.example.com and ws.new.mqtt.example.com before"}},
		{"another name, self-signed", EMQXContainerApps, nil, func(s *Summary) {
			s.Domain, s.Certificate = "new.mqtt.example.com", TLSSelfSigned
		},
			[]string{"Domain: ", "made anew for new.mqtt.example.com and ws.new.mqtt.example.com alone"}},
		{"another name in a zone of the stack's own", EMQXContainerApps, nil, func(s *Summary) {
			s.Domain, s.Zone = "mqtt.example.org", "mqtt.example.org"
		},
			[]string{"mqtt.example.com is deleted, with every name", "nobody finds names in mqtt.example.org before",
				"Domain: ", "must name"}},
		{"a zone of the team's", EMQXContainerApps, nil, func(s *Summary) { s.Zone = "" },
			[]string{"mqtt.example.com is deleted, with every name"}},
		{"a zone of the stack's own", EMQXContainerApps, func(s *Summary) { s.Zone = "" }, nil, nil},
		{"another region", EMQXContainerApps, nil, func(s *Summary) { s.Location = "francecentral" },
			[]string{"from westeurope to francecentral. Everything is made anew"}},
		{"no second region", EMQXContainerApps, nil, func(s *Summary) { s.SecondaryLocation = "" },
			[]string{"northeurope, goes with all that is in it"}},
		{"a second region", EMQXContainerApps, func(s *Summary) { s.SecondaryLocation = "" }, nil,
			[]string{"northeurope, will stand by. Nobody is cut off."}},
		{"another second region", EMQXContainerApps, nil, func(s *Summary) { s.SecondaryLocation = "francecentral" },
			[]string{"northeurope, goes", "francecentral, will stand by"}},
		{"the second region instead", EMQXContainerApps, nil, func(s *Summary) { s.Active = ActiveSecondary },
			[]string{"led to northeurope, within 30 seconds (wss:// through Front Door: minutes). Who is connected " +
				"to westeurope stays there"}},
		{"the first region again", VerneMQVMs, func(s *Summary) { s.Active = ActiveSecondary }, nil,
			[]string{"led to westeurope, within 30 seconds"}},
		{"the second region, self-signed", VerneMQVMs, nil, func(s *Summary) {
			s.Active, s.Certificate = ActiveSecondary, TLSSelfSigned
		},
			[]string{"led to northeurope", "clients must trust both"}},
		{"a region to prefer, of one", VerneMQVMs, func(s *Summary) { s.SecondaryLocation = "" },
			func(s *Summary) { s.SecondaryLocation, s.Active = "", ActiveSecondary }, nil},
		{"database passwords of EMQX", EMQXContainerApps, nil, func(s *Summary) { s.DatabaseMark = "2" },
			[]string{"New database passwords: the nodes are restarted for them. Clients of a node that restarts are " +
				"cut off and connect again, by the passwords that they have. Sessions and messages that wait are lost"}},
		{"database passwords of HiveMQ", HiveMQAKS, nil, func(s *Summary) { s.DatabaseMark = "2" },
			[]string{"Sessions and messages stay on disk."}},
		{"a cookie of EMQX", EMQXContainerApps, nil, func(s *Summary) { s.CookieMark = "2" },
			[]string{"A new cookie: the nodes are restarted for it. Until all have it, those with the old one and " +
				"those with the new one are two clusters, whose clients don't get each other's messages. Sessions, " +
				"messages that wait and retained messages are lost"}},
		{"a cookie of VerneMQ", VerneMQVMs, nil, func(s *Summary) { s.CookieMark = "2" },
			[]string{"Sessions and messages stay on disk."}},
		{"a cookie of HiveMQ, which has none", HiveMQAKS, nil, func(s *Summary) { s.CookieMark = "2" }, nil},
		{"client certificates", VerneMQVMs, nil, func(s *Summary) { s.ClientCertificate = true },
			[]string{"must show a certificate of vernemq.clientCa"}},
		{"client certificates as before", VerneMQVMs, func(s *Summary) { s.ClientCertificate = true },
			func(s *Summary) { s.ClientCertificate = true }, nil},
		{"no client certificates", VerneMQVMs, func(s *Summary) { s.ClientCertificate = true }, nil,
			[]string{"a password is enough"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := live(c.broker), live(c.broker)
			if c.before != nil {
				c.before(&before)
			}
			if c.after != nil {
				c.after(&after)
			}
			lines(t, notices(before, after), c.want...)
		})
	}
}

func TestAnEditOfTokensSaysWhatClientsLogInWith(t *testing.T) {
	for _, c := range []struct {
		name                                     string
		before, beforeIssuer, after, afterIssuer string
		want                                     []string
	}{
		{"tokens beside passwords", EMQXContainerApps, "", EMQXContainerApps, "https://a",
			[]string{"Tokens of https://a are taken."}},
		{"tokens instead of passwords", HiveMQAKS, "", HiveMQAKS, "https://a",
			[]string{"every client needs a token", "Tokens of https://a are taken."}},
		{"another issuer", HiveMQAKS, "https://a", HiveMQAKS, "https://b",
			[]string{"Tokens of https://b are taken, those of https://a no longer."}},
		{"no tokens", EMQXContainerApps, "https://a", EMQXContainerApps, "",
			[]string{"who comes with one of https://a needs a user and a password"}},
		{"passwords again", HiveMQAKS, "https://a", HiveMQAKS, "",
			[]string{"Passwords are taken again.", "who comes with one of https://a"}},
		{"from both to tokens alone", EMQXContainerApps, "https://a", HiveMQAKS, "https://a",
			[]string{"every client needs a token"}},
		{"from tokens alone to both", HiveMQAKS, "https://a", EMQXContainerApps, "https://a",
			[]string{"Passwords are taken again."}},
		{"from tokens alone to passwords alone", HiveMQAKS, "https://a", VerneMQVMs, "",
			[]string{"Passwords are taken again.", "who comes with one of https://a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := live(c.before), live(c.after)
			before.TokenIssuer, after.TokenIssuer = c.beforeIssuer, c.afterIssuer
			lines(t, credentials(before, after), c.want...)
		})
	}
}

func TestNothingIsSaidOfAStackThatIsNotDeployed(t *testing.T) {
	lines(t, notices(Summary{}, live(HiveMQAKS)))
}

func TestASummaryHoldsWhatThePlanSays(t *testing.T) {
	p := Plan{
		Broker: VerneMQVMs, Nodes: 3, Connections: 9, Location: "westeurope", Active: ActiveSecondary,
		Secondary: &Plan{Location: "northeurope"},
		Names:     NamesPlan{Host: "mqtt.example.com", Zone: "example.com"}, VerneMQ: VerneMQPlan{ClientCA: "PEM"},
	}
	p.Rotation.Database, p.Rotation.Cookie = "1", "2"
	p.Database = components.DatabaseSize{SKU: "Standard_D4ds_v5", StorageGB: 128, Version: "16", StandbyZone: "2"}
	p.Restore = &DatabaseRestore{Server: "old", Time: "2026-11-25T10:00:00Z"}
	want := Summary{
		Broker: VerneMQVMs, Domain: "mqtt.example.com", Zone: "example.com", Nodes: 3, Connections: 9,
		Location: "westeurope", SecondaryLocation: "northeurope",
		Active: ActiveSecondary, Certificate: TLSSelfSigned, ClientCertificate: true, DatabaseMark: "1", CookieMark: "2",
		DatabaseSKU: "Standard_D4ds_v5", DatabaseStorageGB: 128, DatabaseVersion: "16", DatabaseStandby: true,
		DatabaseBegan: "old 2026-11-25T10:00:00Z",
	}
	if got := p.summary(); got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	p.CertificateSecretURL, p.Names.ZoneGroup = "https://team.vault.azure.net/secrets/mqtt", "team"
	if got := p.summary(); got.Certificate != TLSKeyVault || got.Zone != "" {
		t.Errorf("%+v", got)
	}
	p.Broker = EMQXContainerApps // which does not look at vernemq.clientCa
	if got := p.summary(); got.ClientCertificate {
		t.Errorf("%+v", got)
	}
}

// backend answers for the last update of the stack prod of the organisation acme, or fails.
type backend struct {
	t       *testing.T
	outputs map[string]any
	err     error
}

func (b backend) NewResource(pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return "", nil, nil
}

func (b backend) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if name := args.Args["name"]; args.Token != "pulumi:pulumi:readStackOutputs" ||
		name.StringValue() != "acme/amora-sync/prod" {
		b.t.Errorf("asked %s for %v", args.Token, name)
	}
	return resource.NewPropertyMapFromMap(map[string]any{"outputs": b.outputs}), b.err
}

func (b backend) run(program pulumi.RunFunc) error {
	return pulumi.RunErr(program, pulumi.WithMocksWithOrganization("acme", "amora-sync", "prod", b))
}

func TestTheLastUpdateIsReadFromTheOutputs(t *testing.T) {
	want := live(HiveMQAKS)
	want.TokenIssuer, want.ClientCertificate = "https://a", true
	b := backend{t: t, outputs: map[string]any{
		"broker": HiveMQAKS, "domain": "mqtt.example.com", "zone": "mqtt.example.com", "nodeCount": 5,
		"connections": 5000, "location": "westeurope", "zones": "1,2,3",
		"secondaryLocation": "northeurope", "activeRegion": ActivePrimary, "tokenIssuer": "https://a",
		"certificate": TLSKeyVault, "clientCertificate": true,
		"databaseRotation": "1", "cookieRotation": "1",
		"clientTelemetry": resource.MakeSecret(resource.NewStringProperty("key")),
	}}
	err := b.run(func(ctx *pulumi.Context) error {
		got, err := lastUpdate(ctx)
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestADeploymentGoesOnWhereTheLastOneCantBeRead(t *testing.T) {
	b := backend{t: t, err: errors.New("no such stack")}
	announced := false
	if err := b.run(func(ctx *pulumi.Context) error {
		_, err := announce(ctx, Plan{Broker: EMQXContainerApps})
		announced = err == nil
		return err
	}); err != nil || !announced {
		t.Error(err)
	}
}
