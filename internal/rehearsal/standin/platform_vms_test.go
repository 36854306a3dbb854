package standin

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

const (
	machineID   = inGroup + "Microsoft.Compute/virtualMachines/vm-0"
	diskID      = inGroup + "Microsoft.Compute/disks/data"
	interfaceID = inGroup + "Microsoft.Network/networkInterfaces/vm-0"
	balancerID  = inGroup + "Microsoft.Network/loadBalancers/lb"
	bastionNSG  = inGroup + "Microsoft.Network/networkSecurityGroups/bastion-nsg"
)

func id(to string) m { return m{"id": to} }

func inbound(priority int, from string, ports ...any) m {
	return m{"name": strings.ToLower(from), "priority": priority, "direction": "Inbound", "access": "Allow",
		"sourceAddressPrefix": from, "destinationPortRanges": ports}
}

func configuration(address string) m {
	return m{"name": "node", "subnet": id(networkID + "/subnets/nodes"), "privateIPAllocationMethod": "Static",
		"privateIPAddress":                address,
		"loadBalancerBackendAddressPools": l{id(balancerID + "/backendAddressPools/nodes")}}
}

func leading(name string, from, to int) m {
	return m{"name": name, "protocol": "Tcp", "frontendPort": from, "backendPort": to, "idleTimeoutInMinutes": 100,
		"disableOutboundSnat":     true,
		"frontendIPConfiguration": self("frontendIPConfigurations/public"),
		"backendAddressPool":      self("backendAddressPools/nodes"), "probe": self("probes/health")}
}

// machineParts are the parts of a stack on virtual machines, on top of the others.
func machineParts() []part {
	return []part{
		subnet("nodes", "10.0.9.0/24", ""),
		address("balancer-address"),
		{"balancer", "azure-native:network:LoadBalancer", at(m{
			"loadBalancerName": "lb", "sku": m{"name": "Standard"},
			"frontendIPConfigurations": l{m{"name": "public", "publicIPAddress": id(addressID + "balancer-address")}},
			"backendAddressPools":      l{m{"name": "nodes"}, m{"name": "spare"}},
			"probes": l{m{"name": "health", "protocol": "Http", "port": 8888,
				"requestPath": "/health", "intervalInSeconds": 5}},
			// azure-native puts the load balancer's id in the place of $self: both are the same.
			"loadBalancingRules": l{leading("mqtts", 8883, 8883),
				with(leading("wss", 443, 8443), "probe", id(balancerID+"/probes/health"))},
			"outboundRules": l{m{"name": "out", "protocol": "All",
				"frontendIPConfigurations": l{self("frontendIPConfigurations/public")},
				"backendAddressPool":       self("backendAddressPools/nodes")}},
		})},
		{"interface", "azure-native:network:NetworkInterface",
			at(m{"networkInterfaceName": "vm-0", "ipConfigurations": l{configuration("10.0.9.4")}})},
		{"disk", "azure-native:compute:Disk",
			at(m{"diskName": "data", "zones": l{"1"}, "sku": m{"name": "Premium_LRS"},
				"creationData": m{"createOption": "Empty"}, "diskSizeGB": 128})},
		{"machine", "azure-native:compute:VirtualMachine", at(m{
			"vmName": "vm-0", "zones": l{"1"}, "hardwareProfile": m{"vmSize": "Standard_D4s_v3"}, "userData": "b25l",
			"identity":        m{"type": "UserAssigned", "userAssignedIdentities": l{identityID + "reader"}},
			"securityProfile": m{"securityType": "TrustedLaunch"},
			"osProfile": m{"computerName": "vm-0", "adminUsername": "amora", "customData": "I2Nsb3VkLWNvbmZpZw==",
				"linuxConfiguration": m{
					"disablePasswordAuthentication": true,
					"ssh": m{
						"publicKeys": l{m{"keyData": "ssh-ed25519 AAAA", "path": "/home/amora/.ssh/authorized_keys"}}}}},
			"storageProfile": m{
				"imageReference": m{"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"},
				"osDisk": m{"name": "system", "createOption": "FromImage", "diskSizeGB": 32, "caching": "ReadWrite",
					"deleteOption": "Delete", "managedDisk": m{"storageAccountType": "Premium_LRS"}},
				"dataDisks": l{attached0(diskID)},
			},
			"networkProfile": m{"networkInterfaces": l{m{"id": interfaceID, "primary": true}}},
		})},
		{"extension", "azure-native:compute:VirtualMachineExtension",
			at(m{"vmName": "vm-0", "vmExtensionName": "deployment", "publisher": "Microsoft.Azure.Extensions",
				"type":               "CustomScript",
				"typeHandlerVersion": "2.1", "settings": m{"commandToExecute": "true"}})},
		{"bastion nsg", "azure-native:network:NetworkSecurityGroup",
			at(m{"networkSecurityGroupName": "bastion-nsg", "securityRules": l{
				inbound(100, "203.0.113.0/24", "443"), inbound(110, "GatewayManager", "443"),
				inbound(120, "AzureLoadBalancer", "443"), inbound(130, "VirtualNetwork", "8080", "5701")}})},
		subnet(bastionSubnet, "10.0.10.0/26", "").with("networkSecurityGroup", id(bastionNSG)),
		address("bastion-address"),
		{"bastion", "azure-native:network:BastionHost",
			at(m{"bastionHostName": "bastion", "sku": m{"name": "Standard"}, "ipConfigurations": l{
				m{"name": "public", "subnet": id(networkID + "/subnets/" + bastionSubnet),
					"publicIPAddress": id(addressID + "bastion-address")}}})},
	}
}

func attached0(disk string) m { return m{"lun": 0, "createOption": "Attach", "managedDisk": id(disk)} }

// with is a part of a part with one property changed; nil removes it.
func with(of m, property string, value any) m { return part{inputs: of}.with(property, value).inputs }

// again is a second machine, which has nothing of the first.
func again(t *testing.T) part {
	return planned(t, "machine").with("vmName", "vm-1").with("storageProfile.dataDisks", nil).
		with("networkProfile.networkInterfaces", l{id(interfaceID + "-1")})
}

func TestWhatMachinesAndTheirLoadBalancerRefuseIsRefused(t *testing.T) {
	edit := func(path string, value any) func(part) part { return func(p part) part { return p.with(path, value) } }
	// first changes one property of the first element of a list, and leaves the rest of it.
	first := func(path, property string, value any) func(part) part {
		return func(p part) part {
			elements := clone(p.inputs)[path].(l)
			elements[0] = with(elements[0].(m), property, value)
			return p.with(path, elements)
		}
	}
	rules := func(rules ...any) func(part) part { return edit("loadBalancingRules", l(rules)) }
	disks := func(disks ...any) func(part) part { return edit("storageProfile.dataDisks", l(disks)) }
	refuses(t, []refused{
		{"a disk with a space", "disk", edit("diskName", "a b"), "1 to 80"},
		{"a disk that is made of nothing", "disk", edit("creationData", nil), "missing required property 'creationData'"},
		{"a kind of disk that there is not", "disk", edit("sku.name", "Premium_GRS"), "is not one of Premium_LRS"},
		{"an empty disk of no size", "disk", edit("diskSizeGB", nil), "'disk.diskSizeGB' is missing"},

		{"an interface without a configuration", "interface", edit("ipConfigurations", l{}),
			"NetworkInterfaceMustHaveIPConfiguration"},
		{"an interface in no subnet", "interface", first("ipConfigurations", "subnet", nil), "MissingSubnet"},
		{"an interface in a subnet that there is not", "interface",
			first("ipConfigurations", "subnet", id(networkID+"/subnets/other")), "InvalidResourceReference"},
		{"an interface in a delegated subnet", "interface",
			first("ipConfigurations", "subnet", id(networkID+"/subnets/apps")), "SubnetIsDelegatedAndCannotBeUsed"},
		{"an interface in another region than its network", "interface", edit("location", "northeurope"),
			"both resources are in the same region"},
		{"a static address that is none", "interface", first("ipConfigurations", "privateIPAddress", nil),
			"InvalidIPAddressFormat"},
		{"an address outside the subnet", "interface", first("ipConfigurations", "privateIPAddress", "10.0.10.4"),
			"PrivateIPAddressNotInSubnet"},
		{"the first address of a subnet", "interface", first("ipConfigurations", "privateIPAddress", "10.0.9.0"),
			"PrivateIPAddressInReservedRange"},
		{"the fourth address of a subnet", "interface", first("ipConfigurations", "privateIPAddress", "10.0.9.3"),
			"PrivateIPAddressInReservedRange"},
		{"the last address of a subnet", "interface", first("ipConfigurations", "privateIPAddress", "10.0.9.255"),
			"PrivateIPAddressInReservedRange"},
		{"an address of another interface", "",
			func(part) part { return planned(t, "interface").with("networkInterfaceName", "vm-1") },
			"PrivateIPAddressIsAllocated"},
		{"a pool that the load balancer has not", "interface",
			first("ipConfigurations", "loadBalancerBackendAddressPools",
				l{id(balancerID + "/backendAddressPools/other")}), "backendAddressPools/other referenced by"},
		{"a pool of a load balancer that there is not", "interface",
			first("ipConfigurations", "loadBalancerBackendAddressPools",
				l{id(balancerID + "2/backendAddressPools/nodes")}), "lb2/backendAddressPools/nodes referenced by"},

		{"a load balancer of the sku Basic with an address of Standard", "balancer", edit("sku.name", "Basic"),
			"PublicIPAndLBSkuDoNotMatch"},
		{"a load balancer of no sku with an address of Standard", "balancer", edit("sku", nil), "PublicIPAndLBSkuDoNotMatch"},
		{"a load balancer of another sku", "balancer", edit("sku.name", "Premium"), "is not one of Basic, Standard, Gateway"},
		{"a load balancer in another region than its address", "balancer", edit("location", "northeurope"),
			"both resources are in the same region"},
		{"two pools of one name", "balancer", edit("backendAddressPools", l{m{"name": "nodes"}, m{"name": "nodes"}}),
			"DuplicateResourceName"},
		{"a rule from a frontend that there is not", "balancer",
			first("loadBalancingRules", "frontendIPConfiguration", self("frontendIPConfigurations/other")),
			"lb/frontendIPConfigurations/other referenced by"},
		{"a rule from nowhere", "balancer", first("loadBalancingRules", "frontendIPConfiguration", nil),
			"lb/frontendIPConfigurations referenced by"},
		{"a rule with another load balancer's probe", "", func(part) part {
			return planned(t, "balancer").with("loadBalancerName", "lb2")
		}, "lb/probes/health referenced by"},
		{"a rule to a pool that there is not", "balancer",
			first("loadBalancingRules", "backendAddressPool", self("backendAddressPools/other")),
			"lb/backendAddressPools/other referenced by"},
		{"a rule to one of several pools that there is not", "balancer",
			first("loadBalancingRules", "backendAddressPools", l{id(balancerID + "/backendAddressPools/other")}),
			"lb/backendAddressPools/other referenced by"},
		{"a rule with a probe that there is not", "balancer",
			first("loadBalancingRules", "probe", self("probes/other")), "lb/probes/other referenced by"},
		{"a rule with a pool for a probe", "balancer",
			first("loadBalancingRules", "probe", self("backendAddressPools/nodes")),
			"lb/backendAddressPools/nodes referenced by"},
		{"two rules from one port", "balancer", rules(leading("mqtts", 8883, 1883), leading("again", 8883, 1884)),
			"RulesUseSameFrontendPortProtocolAndIPConfig"},
		{"two rules to one port", "balancer", rules(leading("mqtts", 8883, 1883), leading("again", 8884, 1883)),
			"RulesUseSameBackendPortProtocolAndPool"},
		{"a rule that forgets a connection after three minutes", "balancer",
			first("loadBalancingRules", "idleTimeoutInMinutes", 3), "4 to 100"},
		{"a rule that forgets no connection for 101 minutes", "balancer",
			first("loadBalancingRules", "idleTimeoutInMinutes", 101), "4 to 100"},
		{"two ways out through one frontend", "balancer", first("loadBalancingRules", "disableOutboundSnat", nil),
			"LoadBalancingRuleMustDisableSNAT"},
		{"a way out from a pool that there is not", "balancer",
			first("outboundRules", "backendAddressPool", self("probes/health")), "lb/probes/health referenced by"},
		{"a way out through a pool", "balancer",
			first("outboundRules", "frontendIPConfigurations", l{self("backendAddressPools/nodes")}),
			"lb/backendAddressPools/nodes referenced by"},
		{"a probe of another protocol", "balancer", first("probes", "protocol", "Udp"), "InvalidProbeProtocol"},
		{"an HTTP probe of no path", "balancer", first("probes", "requestPath", nil), "ProbeRequestPathRequired"},
		{"an HTTPS probe of no path", "balancer",
			edit("probes", l{m{"name": "health", "protocol": "Https", "port": 8888}}), "ProbeRequestPathRequired"},
		{"a TCP probe of a path", "balancer", first("probes", "protocol", "Tcp"), "ProbeRequestPathNotAllowed"},
		{"a probe every four seconds", "balancer", first("probes", "intervalInSeconds", 4), "InvalidProbeInterval"},

		{"a machine with an underscore", "machine", edit("vmName", "vm_0"), "1 to 64"},
		{"a machine that ends with a period", "machine", edit("vmName", "vm."), "1 to 64"},
		{"a host name of 65 letters", "machine", edit("osProfile.computerName", strings.Repeat("a", 65)), "cannot exceed 64"},
		{"a machine without a host name", "machine", edit("osProfile.computerName", nil),
			"'osProfile.computerName' is missing"},
		{"a machine of no size", "machine", edit("hardwareProfile", nil), "'hardwareProfile.vmSize' is missing"},
		{"a machine without a system", "machine", edit("storageProfile.osDisk", nil), "'osDisk.createOption' is missing"},
		{"an image of no version", "machine", edit("storageProfile.imageReference.version", nil),
			"'imageReference.version' is missing"},
		{"an administrator called admin", "machine", edit("osProfile.adminUsername", "Admin"),
			"Admin Username specified is not allowed"},
		{"a beginning that is not in Base64", "machine", edit("osProfile.customData", "#cloud-config"), "must be in Base64"},
		{"a beginning of 65536 bytes", "machine",
			edit("osProfile.customData", base64.StdEncoding.EncodeToString(make([]byte, 65536))), "maximum length of 87380"},
		{"a machine without a key", "machine", edit("osProfile.linuxConfiguration.ssh", nil),
			"either SSH or by user name and password"},
		{"a password where there are none", "machine", func(p part) part {
			return p.with("osProfile.linuxConfiguration.ssh", nil).with("osProfile.adminPassword", "Passw0rdPassw0rd")
		}, "either SSH or by user name and password"},
		{"a key of another kind", "machine",
			edit("osProfile.linuxConfiguration.ssh.publicKeys",
				l{m{"keyData": "ecdsa-sha2-nistp256 AAAA", "path": "/home/amora/.ssh/authorized_keys"}}),
			"publicKeys.keyData is invalid"},
		{"a key at another place", "machine",
			edit("osProfile.linuxConfiguration.ssh.publicKeys",
				l{m{"keyData": "ssh-rsa AAAA", "path": "/home/other/.ssh/authorized_keys"}}),
			"default value /home/amora/.ssh/authorized_keys"},
		{"a machine without an interface", "machine", edit("networkProfile", nil),
			"'networkProfile.networkInterfaces' is missing"},
		{"a machine with an interface of no id", "machine",
			edit("networkProfile.networkInterfaces", l{m{"primary": true}}), "'networkInterface.id' is missing"},
		{"a machine with an interface that there is not", "machine",
			edit("networkProfile.networkInterfaces", l{id(interfaceID + "-1")}), "InvalidResourceReference"},
		{"a machine in another region than its interface", "machine", edit("location", "northeurope"),
			"both resources are in the same region"},
		{"an interface of another machine", "",
			func(part) part { return again(t).with("networkProfile.networkInterfaces", l{id(interfaceID)}) },
			"is used by existing VM " + machineID},
		{"a disk that there is not", "machine", disks(attached0(diskID + "2")), "InvalidResourceReference"},
		{"a disk of no id", "machine", disks(m{"lun": 0, "createOption": "Attach"}), "'dataDisk.managedDisk.id' is missing"},
		{"two disks of one number", "machine",
			disks(attached0(diskID), m{"lun": 0, "createOption": "Empty", "diskSizeGB": 4}), "A disk at LUN 0 already exists"},
		{"a machine in another zone than its disk", "machine", edit("zones", l{"2"}), "VM zone: '2'. Disk zone: '1'."},
		{"a machine in no zone with a disk in one", "machine", edit("zones", nil), "VM zone: ''. Disk zone: '1'."},
		{"a machine that takes no Premium SSD", "machine", edit("hardwareProfile.vmSize", "Standard_D4_v3"),
			"storage account type Premium_LRS of disk 'data'"},
		{"a system on Premium SSD in a machine that takes none", "machine", func(p part) part {
			return p.with("hardwareProfile.vmSize", "Standard_D4_v3").with("storageProfile.dataDisks", nil)
		}, "storage account type Premium_LRS of disk 'system'"},
		{"an identity of a machine that there is not", "machine",
			edit("identity.userAssignedIdentities", l{identityID + "other"}), "InvalidResourceReference"},

		{"an extension of a machine that there is not", "extension", edit("vmName", "vm-1"), "ParentResourceNotFound"},
		{"an extension of no version", "extension", edit("typeHandlerVersion", nil),
			"missing required property 'typeHandlerVersion'"},
		{"an extension that the machine has", "", func(part) part {
			return planned(t, "extension").with("vmExtensionName", "again")
		},
			"VMExtension 'deployment' with handler 'Microsoft.Azure.Extensions.CustomScript' already added"},

		{"Bastion in another subnet", "bastion", first("ipConfigurations", "subnet", id(networkID+"/subnets/nodes")),
			"SubnetNameMustBeAzureBastionSubnet"},
		{"Bastion of another sku", "bastion", edit("sku.name", "Free"), "is not one of Basic, Standard, Developer, Premium"},
		{"Bastion's subnet behind a security group for others", bastionSubnet,
			edit("networkSecurityGroup", id(inGroup+"Microsoft.Network/networkSecurityGroups/gateway-nsg")),
			"NetworkSecurityGroupNotCompliantForAzureBastionSubnet"},
	})
}

func TestBastionsSubnetNeedsEachOfItsFlows(t *testing.T) {
	for i, missing := range []string{"people", "management", "health probes", "instances"} {
		r := rehearse(t, Faults{})
		r.upTo("bastion nsg")
		flows := planned(t, "bastion nsg").inputs["securityRules"].(l)
		group := planned(t, "bastion nsg").with("securityRules", append(append(l{}, flows[:i]...), flows[i+1:]...))
		r.mustCreate(group)
		if _, err := r.create(planned(t, bastionSubnet)); err == nil ||
			!strings.Contains(err.Error(), "bastion-nsg does not have necessary rules") {
			t.Errorf("without %s: got %v", missing, err)
		}
		r.mustCreate(planned(t, bastionSubnet).with("networkSecurityGroup", nil))
	}
}

func TestARuleThatDeniesOrLeadsOutOpensNothing(t *testing.T) {
	for property, value := range map[string]string{"access": "Deny", "direction": "Outbound"} {
		if permits(with(inbound(100, "GatewayManager", "443"), property, value), "GatewayManager", "443") {
			t.Errorf("%s %s opens", property, value)
		}
	}
	if permits(inbound(100, "AzureFrontDoor.Backend", "443"), "Internet", "443") {
		t.Error("a service of Azure's is not the Internet")
	}
}

func TestBastionNeedsASubnetAndAnAddressThatAreLargeAndFixedEnough(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo(bastionSubnet)
	r.mustCreate(planned(t, bastionSubnet).with("addressPrefix", "10.0.10.0/27"))
	r.mustCreate(planned(t, "bastion-address"))
	if _, err := r.create(planned(t, "bastion")); err == nil || !strings.Contains(err.Error(), "at least /26") {
		t.Errorf("in a /27: got %v", err)
	}

	r = rehearse(t, Faults{})
	r.upTo("bastion-address")
	r.mustCreate(planned(t, "bastion-address").with("sku", nil).with("publicIPAllocationMethod", "Dynamic"))
	if _, err := r.create(planned(t, "bastion")); err == nil ||
		!strings.Contains(err.Error(), "BastionHostPublicIpMustBeStandardStatic") {
		t.Errorf("with an address of the sku Basic: got %v", err)
	}
}

func TestAPoolThatAnInterfaceIsInStays(t *testing.T) {
	r := rehearse(t, Faults{})
	balancer := r.upTo("")["balancer"].ID
	before := planned(t, "balancer")
	bare := before.with("loadBalancingRules", nil).with("outboundRules", nil)
	if _, err := r.update(balancer, before, bare.with("backendAddressPools", l{m{"name": "spare"}})); err == nil ||
		!strings.Contains(err.Error(), "InUseBackendAddressPoolCannotBeDeleted") {
		t.Errorf("got %v", err)
	}
	if _, err := r.update(balancer, before, bare.with("backendAddressPools", l{m{"name": "nodes"}})); err != nil {
		t.Errorf("the pool that nothing is in: %v", err)
	}
}

func TestTwoRulesWithFloatingAddressesLeadToOnePort(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("balancer")
	r.mustCreate(planned(t, "balancer").with("loadBalancingRules", l{
		with(leading("a", 8883, 1883), "enableFloatingIP", true), with(leading("b", 8884, 1883), "enableFloatingIP", true)}))
}

func TestADiskGrowsWhileItsMachineRuns(t *testing.T) {
	r := rehearse(t, Faults{})
	disk := r.upTo("")["disk"].ID
	for _, size := range []int{256, 4096} {
		if _, err := r.update(disk, planned(t, "disk"), planned(t, "disk").with("diskSizeGB", size)); err != nil {
			t.Errorf("to %d GiB: %v", size, err)
		}
	}

	r = rehearse(t, Faults{})
	r.upTo("disk")
	r.mustCreate(planned(t, "disk").with("diskSizeGB", 8192))
	r.mustCreate(planned(t, "machine"))
	if _, err := r.update(disk, planned(t, "disk"), planned(t, "disk").with("diskSizeGB", 16384)); err != nil {
		t.Errorf("from above 4 TiB: %v", err)
	}
}

func TestWhatAMachineIsToldIsNeitherWrittenToTheWorldNorAChange(t *testing.T) {
	r := rehearse(t, Faults{})
	r.world.path = t.TempDir() + "/world.json"
	made := r.upTo("extension")
	extension := planned(t, "extension").with("protectedSettings", m{"password": "n0b0dy"})
	told := map[string]part{"machine": planned(t, "machine"), "extension": extension}
	made["extension"] = r.mustCreate(extension)
	data, err := os.ReadFile(r.world.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"I2Nsb3VkLWNvbmZpZw", "b25l", "n0b0dy"} {
		if strings.Contains(string(data), `"`+secret) {
			t.Errorf("%q is in the world", secret)
		}
	}
	for name, p := range told {
		got := r.read(made[name].ID, p, resource.NewPropertyMapFromMap(p.inputs))
		if d := r.diff(made[name].ID, part{p.name, p.token, got.Inputs.Mappable()}, p); d.Changes != plugin.DiffNone {
			t.Errorf("a refresh of the %s changes %v", name, d.DetailedDiff)
		}
	}
}

func TestADiskOfAnotherMachineIsAttachedOnceItIsTakenOff(t *testing.T) {
	r := rehearse(t, Faults{})
	machine := r.upTo("")["machine"].ID
	r.mustCreate(planned(t, "interface").with("networkInterfaceName", "vm-0-1").
		with("ipConfigurations", l{configuration("10.0.9.5")}))
	second := again(t).with("storageProfile.dataDisks", l{attached0(diskID)})
	if _, err := r.create(second); err == nil || !strings.Contains(err.Error(), "already owned by VM '"+machineID+"'") {
		t.Errorf("got %v", err)
	}
	if _, err := r.update(machine, planned(t, "machine"), planned(t, "machine").
		with("storageProfile.dataDisks", nil)); err != nil {
		t.Fatal(err)
	}
	r.mustCreate(second)
}

func TestAZonedMachineTakesDisksOfItsZoneAndOfAllZones(t *testing.T) {
	for _, c := range []struct {
		sku, want string
		zones     any
	}{
		{"StandardSSD_LRS", "not in zone '1'", nil},
		{"Premium_ZRS", "", nil},
		{"Premium_LRS", "", l{"1"}},
	} {
		r := rehearse(t, Faults{})
		r.upTo("disk")
		r.mustCreate(planned(t, "disk").with("sku.name", c.sku).with("zones", c.zones))
		_, err := r.create(planned(t, "machine"))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s in %v: got %v, want %q", c.sku, c.zones, err, c.want)
		}
	}
}

func TestSizesWithAnSTakePremiumSSD(t *testing.T) {
	for size, want := range map[string]bool{
		"Standard_D4s_v3": true, "Standard_D4ds_v5": true, "Standard_E8-4as_v5": true, "Standard_B2ms": true,
		"Standard_DS2_v2": true,
		"Standard_D4_v3":  false, "Standard_D2d_v5": false, "Standard_A2": false, "Basic_A1": false, "": false,
	} {
		if got := takesPremium(size); got != want {
			t.Errorf("%s: %v", size, got)
		}
	}
}

func TestAMachineIsMadeInOtherWays(t *testing.T) {
	for sentence, edit := range map[string]func(part) part{
		"with a password": func(p part) part {
			return p.with("osProfile.linuxConfiguration", nil).with("osProfile.adminPassword", "Passw0rdPassw0rd")
		},
		"from an image of ours": func(p part) part { return p.with("storageProfile.imageReference", id(subscriptionScope)) },
		"from a system that is": func(p part) part {
			return p.with("osProfile", nil).with("storageProfile.imageReference", nil).
				with("storageProfile.osDisk.createOption", "Attach")
		},
		"with the largest custom": func(p part) part {
			return p.with("osProfile.customData", base64.StdEncoding.EncodeToString(make([]byte, 65535)))
		},
		"with another disk": func(p part) part {
			return p.with("storageProfile.dataDisks", l{attached0(diskID), m{"lun": 1, "createOption": "Empty"}})
		},
		"on a size without an s": func(p part) part {
			return p.with("hardwareProfile.vmSize", "Standard_D4_v3").with("storageProfile.dataDisks", nil).
				with("storageProfile.osDisk.managedDisk.storageAccountType", "StandardSSD_LRS")
		},
	} {
		r := rehearse(t, Faults{})
		r.upTo("machine")
		if _, err := r.create(edit(planned(t, "machine"))); err != nil {
			t.Errorf("%s: %v", sentence, err)
		}
	}
}

func TestAMachineThatRunsNoExtensionsTakesNone(t *testing.T) {
	for _, property := range []string{"allowExtensionOperations", "linuxConfiguration.provisionVMAgent"} {
		r := rehearse(t, Faults{})
		r.upTo("machine")
		r.mustCreate(planned(t, "machine").with("osProfile."+property, false))
		if _, err := r.create(planned(t, "extension")); err == nil ||
			!strings.Contains(err.Error(), "extension operations are disallowed") {
			t.Errorf("%s: got %v", property, err)
		}
	}
}

func TestAMachineHasExtensionsOfSeveralKinds(t *testing.T) {
	r := rehearse(t, Faults{})
	r.upTo("")
	r.mustCreate(planned(t, "extension").with("vmExtensionName", "login").
		with("publisher", "Microsoft.Azure.ActiveDirectory").with("type", "AADSSHLoginForLinux"))
}

func TestACommandOnAMachineHasOneSource(t *testing.T) {
	command := func(source m) part {
		return part{"command", "azure-native:compute:VirtualMachineRunCommandByVirtualMachine",
			at(m{"vmName": "vm-0", "runCommandName": "command", "source": source})}
	}
	r := rehearse(t, Faults{})
	r.upTo("")
	for _, bad := range []m{{}, {"script": "true", "commandId": "RunShellScript"}} {
		if _, err := r.create(command(bad)); err == nil || !strings.Contains(err.Error(), "and only one") {
			t.Errorf("%v: %v", bad, err)
		}
	}
	r.mustCreate(command(m{"script": "true"}))
}

func TestAMachineLeavesItsDiskAndInterfaceAndTakesItsExtensions(t *testing.T) {
	r := rehearse(t, Faults{})
	made := r.upTo("")
	if err := r.delete(made["machine"].ID); err != nil {
		t.Fatal(err)
	}
	if r.world.find(machineID+"/extensions/deployment") != nil {
		t.Error("the extension is left")
	}
	for _, name := range []string{"disk", "interface"} {
		if r.world.find(string(made[name].ID)) == nil {
			t.Errorf("the %s went with the machine", name)
		}
		if err := r.delete(made[name].ID); err != nil {
			t.Errorf("the %s is in use still: %v", name, err)
		}
	}
}
