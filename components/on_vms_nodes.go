package components

import (
	"encoding/base64"
	"fmt"
	"slices"

	disks "github.com/pulumi/pulumi-azure-native-sdk/compute/v2/v20220702"
	compute "github.com/pulumi/pulumi-azure-native-sdk/compute/v2/v20230301"
	network "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20230201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// vmAdmin is the administrator of a machine, who comes in by SSH key.
const vmAdmin = "amora"

// VMSystemDiskGB is the size of a machine's system disk: P4, with room for a build.
const VMSystemDiskGB = 32

// newNodes makes the nodes, one after the other, so that an update stops no more than one at a time, and each finds the
// one before it serving. It gives back the machines' names, and what is there once each node serves.
func (v *vms) newNodes() (machines pulumi.StringArray, serving []pulumi.Resource, err error) {
	after := slices.Concat(v.ready, v.args.After)
	for i := range v.args.Size.Nodes {
		name := fmt.Sprintf("%s-node-%d", v.name, i)
		machine, err := v.newMachine(i, name, after)
		if err != nil {
			return nil, nil, fmt.Errorf("node %d: %w", i, err)
		}
		if err := v.newAgent(name, machine); err != nil {
			return nil, nil, fmt.Errorf("node %d: %w", i, err)
		}
		deployment, err := v.newDeployment(i, name, machine)
		if err != nil {
			return nil, nil, fmt.Errorf("deployment of node %d: %w", i, err)
		}
		after = []pulumi.Resource{deployment}
		machines, serving = append(machines, machine.Name), append(serving, deployment)
	}
	return machines, serving, nil
}

func (v *vms) machineName(i int) string { return fmt.Sprintf("%s-%d", v.args.Name, i) }

// newMachine makes a machine with its disk and its network interface. Both stay when the machine is replaced, which
// takes them off the old one first.
func (v *vms) newMachine(i int, name string, after []pulumi.Resource) (*compute.VirtualMachine, error) {
	disk, zones, err := v.newDisk(i, name)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	nic, err := v.newInterface(i, name)
	if err != nil {
		return nil, fmt.Errorf("network interface: %w", err)
	}
	return compute.NewVirtualMachine(v.ctx, name, v.machineArgs(i, disk.ID(), nic.ID(), zones), v.parent,
		pulumi.DependsOn(after), pulumi.DeleteBeforeReplace(true), pulumi.ReplaceOnChanges(machineCreateOnly))
}

// machineCreateOnly is what Azure can't change of a machine. azure-native does not know, and would try.
var machineCreateOnly = []string{
	"zones", "osProfile.adminUsername", "osProfile.computerName", "osProfile.customData",
	"osProfile.linuxConfiguration.disablePasswordAuthentication",
	"osProfile.linuxConfiguration.ssh", "storageProfile.imageReference", "storageProfile.osDisk.name",
	"storageProfile.osDisk.createOption", "storageProfile.osDisk.managedDisk",
	"securityProfile.securityType", "networkProfile",
}

// comesBack is for what hangs on a machine, or on a cluster as an association does, and comes back under its name on
// the next one. Where a run ends in between, the next run of Pulumi would otherwise make it, and then delete it as the
// old one.
var comesBack = pulumi.DeleteBeforeReplace(true)

// newDisk makes the disk with a node's sessions and messages, and gives back the zones that its machine must be in.
func (v *vms) newDisk(i int, name string) (*disks.Disk, pulumi.StringArrayInput, error) {
	zone := v.args.Size.Nodes[i].Zone
	disk, err := disks.NewDisk(v.ctx, name+"-data", &disks.DiskArgs{
		ResourceGroupName:   v.args.ResourceGroup,
		DiskName:            pulumi.String(v.machineName(i) + "-data"),
		Location:            pulumi.String(v.args.Location),
		Zones:               inZones(single(zone)),
		Sku:                 &disks.DiskSkuArgs{Name: pulumi.String("Premium_LRS")},
		CreationData:        &disks.CreationDataArgs{CreateOption: pulumi.String("Empty")},
		DiskSizeGB:          pulumi.Int(v.args.Size.DiskGB),
		NetworkAccessPolicy: pulumi.String("DenyAll"),
		PublicNetworkAccess: pulumi.String("Disabled"),
		Tags:                v.args.tags(),
	}, append(v.args.DisksGuard.options(v.parent, "resourceGroupName", "diskName", "location", "zones",
		"creationData"), // of a disk that came out of a backup
		// Once its loss is agreed to; azure-native would try to move it.
		pulumi.ReplaceOnChanges([]string{"zones"}), pulumi.DeleteBeforeReplace(true))...)
	if err != nil {
		return nil, nil, err
	}
	held := disk.Zones.ApplyT(func(zones []string) string {
		if len(zones) == 0 {
			return ""
		}
		return zones[0]
	}).(pulumi.StringOutput)
	held = v.args.DisksGuard.kept("disks", "zone of "+v.machineName(i), pulumi.String(zone), held)
	if zone == "" {
		return disk, nil, nil
	}
	return disk, pulumi.StringArray{held}, nil
}

func single(zone string) []string {
	if zone == "" {
		return nil
	}
	return []string{zone}
}

func (v *vms) newInterface(i int, name string) (*network.NetworkInterface, error) {
	return network.NewNetworkInterface(v.ctx, name+"-interface", &network.NetworkInterfaceArgs{
		ResourceGroupName:           v.args.ResourceGroup,
		NetworkInterfaceName:        pulumi.String(v.machineName(i)),
		Location:                    pulumi.String(v.args.Location),
		EnableAcceleratedNetworking: pulumi.Bool(true),
		IpConfigurations: network.NetworkInterfaceIPConfigurationArray{&network.NetworkInterfaceIPConfigurationArgs{
			Name: pulumi.String("node"), Primary: pulumi.Bool(true),
			Subnet:           &network.SubnetTypeArgs{Id: v.subnet.ToStringPtrOutput()},
			PrivateIPAddress: pulumi.String(v.args.Size.Nodes[i].Address), PrivateIPAllocationMethod: pulumi.String("Static"),
			LoadBalancerBackendAddressPools: network.BackendAddressPoolArray{&network.BackendAddressPoolArgs{
				Id: pulumi.Sprintf("%s/backendAddressPools/%s", v.balancer.ID(), balancerPool),
			}},
		}},
		Tags: v.args.tags(),
	}, v.parent)
}

func (v *vms) machineArgs(i int, disk, nic pulumi.IDOutput, zones pulumi.StringArrayInput) *compute.VirtualMachineArgs {
	customData := pulumi.All(v.settings, v.identity.ClientId).ApplyT(func(values []any) (string, error) {
		text, err := assets.VerneMQMachine{SettingsURL: values[0].(string), ClientID: values[1].(string),
			Address: v.args.Size.Nodes[i].Address}.CloudInit()
		return base64.StdEncoding.EncodeToString([]byte(text)), err
	}).(pulumi.StringOutput)
	return &compute.VirtualMachineArgs{
		ResourceGroupName: v.args.ResourceGroup,
		VmName:            pulumi.String(v.machineName(i)),
		Location:          pulumi.String(v.args.Location),
		Zones:             zones,
		HardwareProfile:   &compute.HardwareProfileArgs{VmSize: pulumi.String(v.args.Size.VMSize)},
		Identity: &compute.VirtualMachineIdentityArgs{
			Type: compute.ResourceIdentityTypeUserAssigned, UserAssignedIdentities: pulumi.StringArray{v.identity.ID()},
		},
		SecurityProfile: &compute.SecurityProfileArgs{
			SecurityType: pulumi.String("TrustedLaunch"),
			UefiSettings: &compute.UefiSettingsArgs{SecureBootEnabled: pulumi.Bool(true), VTpmEnabled: pulumi.Bool(true)},
		},
		OsProfile: &compute.OSProfileArgs{
			ComputerName: pulumi.String(v.machineName(i)), AdminUsername: pulumi.String(vmAdmin),
			CustomData: customData.ToStringPtrOutput(),
			LinuxConfiguration: &compute.LinuxConfigurationArgs{
				DisablePasswordAuthentication: pulumi.Bool(true), ProvisionVMAgent: pulumi.Bool(true),
				Ssh: &compute.SshConfigurationArgs{PublicKeys: compute.SshPublicKeyTypeArray{&compute.SshPublicKeyTypeArgs{
					KeyData: pulumi.String(v.args.SSHKey), Path: pulumi.String("/home/" + vmAdmin + "/.ssh/authorized_keys"),
				}}},
				// Azure patches the machines of one zone after those of another.
				PatchSettings: &compute.LinuxPatchSettingsArgs{
					PatchMode: pulumi.String("AutomaticByPlatform"), AssessmentMode: pulumi.String("AutomaticByPlatform"),
					AutomaticByPlatformSettings: &compute.LinuxVMGuestPatchAutomaticByPlatformSettingsArgs{
						RebootSetting: pulumi.String("IfRequired")},
				},
			},
		},
		StorageProfile: &compute.StorageProfileArgs{
			ImageReference: &compute.ImageReferenceArgs{
				Publisher: pulumi.String("Canonical"), Offer: pulumi.String("ubuntu-24_04-lts"),
				Sku: pulumi.String("server"), Version: pulumi.String("latest"),
			},
			OsDisk: &compute.OSDiskArgs{
				Name: pulumi.String(v.machineName(i) + "-system"), CreateOption: pulumi.String("FromImage"),
				DeleteOption: pulumi.String("Delete"),
				DiskSizeGB:   pulumi.Int(VMSystemDiskGB), Caching: compute.CachingTypesReadWrite,
				ManagedDisk: &compute.ManagedDiskParametersArgs{StorageAccountType: pulumi.String("Premium_LRS")},
			},
			DataDisks: compute.DataDiskArray{&compute.DataDiskArgs{
				Lun: pulumi.Int(assets.VerneMQDataLUN), CreateOption: pulumi.String("Attach"),
				DeleteOption: pulumi.String("Detach"),
				Caching:      compute.CachingTypesNone, // a cache would hold writes of a database
				ManagedDisk:  &compute.ManagedDiskParametersArgs{Id: disk.ToStringPtrOutput()},
			}},
		},
		NetworkProfile: &compute.NetworkProfileArgs{
			NetworkInterfaces: compute.NetworkInterfaceReferenceArray{&compute.NetworkInterfaceReferenceArgs{
				Id: nic.ToStringPtrOutput(), Primary: pulumi.Bool(true), DeleteOption: pulumi.String("Detach"),
			}}},
		DiagnosticsProfile: &compute.DiagnosticsProfileArgs{
			BootDiagnostics: &compute.BootDiagnosticsArgs{Enabled: pulumi.Bool(true)}},
		Tags: v.args.tags(),
	}
}

// deploymentSeconds is how long a node may take to come to serve: the first one builds VerneMQ. Azure waits no longer
// than 90 minutes.
const deploymentSeconds = 5400

// newDeployment runs a command on a machine that fails unless the node comes to serve, and runs it again when its text
// changes.
func (v *vms) newDeployment(i int, name string, machine *compute.VirtualMachine) (pulumi.Resource, error) {
	return compute.NewVirtualMachineRunCommandByVirtualMachine(v.ctx, name+"-deployment",
		&compute.VirtualMachineRunCommandByVirtualMachineArgs{
			ResourceGroupName: v.args.ResourceGroup,
			VmName:            machine.Name,
			RunCommandName:    pulumi.String("deployment"),
			Location:          pulumi.String(v.args.Location),
			Source:            &compute.VirtualMachineRunCommandScriptSourceArgs{Script: v.deployCommand(i)},
			TimeoutInSeconds:  pulumi.Int(deploymentSeconds),
			// Otherwise a script that fails is a deployment that went well.
			TreatFailureAsDeploymentFailure: pulumi.Bool(true),
			Tags:                            v.args.tags(),
		}, v.parent, comesBack)
}
