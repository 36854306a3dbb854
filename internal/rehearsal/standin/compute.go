package standin

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"time"
)

var machineNaming = naming{
	pattern: regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$`),
	rule:    "1 to 64 letters, digits, hyphens and periods, starting and ending with a letter or digit",
}

var computeKinds = []*kind{
	{
		token: "compute:Disk", arm: "Microsoft.Compute/disks",
		path: []string{"diskName"}, located: true, required: []string{"creationData"}, latency: 10 * time.Second,
		naming: naming{pattern: regexp.MustCompile(`^[\w.-]{1,80}$`),
			rule: "1 to 80 letters, digits, underscores, hyphens and periods"},
		refused: []string{"zones", "creationData", "osType"},
		enums: map[string][]string{
			"sku.name": {"Premium_LRS", "PremiumV2_LRS", "StandardSSD_LRS", "Standard_LRS",
				"UltraSSD_LRS", "Premium_ZRS", "StandardSSD_ZRS"},
			"creationData.createOption": {"Empty", "Attach", "FromImage", "Import", "Copy", "Restore", "Upload"},
			"networkAccessPolicy":       {"AllowAll", "AllowPrivate", "DenyAll"}, "publicNetworkAccess": {"Enabled", "Disabled"},
		},
		admit: admitDisk,
		compute: func(*World, *Resource) map[string]any {
			return map[string]any{"provisioningState": "Succeeded", "diskState": "Unattached"}
		},
		release: func(w *World, r *Resource) error {
			if machine := w.userOf(r.ID, "compute:VirtualMachine", ""); machine != nil {
				return refusal("OperationNotAllowed", "Disk %s is attached to VM %s.", r.name(), machine.ID)
			}
			return nil
		},
	},
	{
		token: "compute:VirtualMachine", arm: "Microsoft.Compute/virtualMachines",
		path: []string{"vmName"}, located: true, naming: machineNaming, latency: 90 * time.Second,
		refused: []string{
			"zones", "plan", "priority", "networkProfile", "securityProfile.securityType",
			"osProfile.computerName", "osProfile.adminUsername", "osProfile.customData",
			"osProfile.linuxConfiguration.ssh", "osProfile.linuxConfiguration.disablePasswordAuthentication",
			"storageProfile.imageReference", "storageProfile.osDisk.name", "storageProfile.osDisk.createOption",
			"storageProfile.osDisk.osType", "storageProfile.osDisk.managedDisk",
		},
		enums: map[string][]string{
			"identity.type": identityTypes, "priority": {"Regular", "Low", "Spot"},
			"securityProfile.securityType":       {"Standard", "TrustedLaunch", "ConfidentialVM"},
			"storageProfile.osDisk.createOption": {"FromImage", "Attach", "Empty", "Copy", "Restore"},
			"storageProfile.osDisk.osType":       {"Linux", "Windows"},
			"storageProfile.osDisk.caching":      {"None", "ReadOnly", "ReadWrite"},
		},
		writeOnly: []string{"osProfile.customData", "osProfile.adminPassword", "userData"},
		check:     checkDeleteOptions,
		admit:     admitMachine, takes: deletedWithMachine, leaves: leftByMachine,
		compute: func(_ *World, r *Resource) map[string]any {
			out := map[string]any{"provisioningState": "Succeeded", "vmId": guid(r.ID, "vm")}
			merge(out, systemIdentity(r))
			return out
		},
	},
	{
		token: "compute:VirtualMachineExtension", arm: "Microsoft.Compute/virtualMachines/extensions",
		path: []string{"vmName", "vmExtensionName"}, located: true,
		required: []string{"publisher", "type", "typeHandlerVersion"}, latency: 4 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[\w.-]{1,80}$`),
			rule: "1 to 80 letters, digits, underscores, hyphens and periods", auto: autoCopy},
		fixed: []string{"publisher", "type"}, writeOnly: []string{"protectedSettings"},
		admit: admitMachineExtension, compute: provisioned,
	},
	{
		token: "compute:VirtualMachineRunCommandByVirtualMachine", arm: "Microsoft.Compute/virtualMachines/runCommands",
		path: []string{"vmName", "runCommandName"}, located: true, latency: 4 * time.Minute,
		naming: naming{pattern: regexp.MustCompile(`^[\w.-]{1,80}$`),
			rule: "1 to 80 letters, digits, underscores, hyphens and periods", auto: autoCopy},
		writeOnly: []string{"protectedParameters", "runAsPassword"},
		admit: func(_ *World, r, _ *Resource) error {
			sources := 0
			for _, source := range []string{"source.script", "source.scriptUri", "source.commandId"} {
				if r.in().has(source) {
					sources++
				}
			}
			if sources != 1 {
				return refusal("InvalidParameter",
					"One of source.script, source.scriptUri and source.commandId must be given, and only one.")
			}
			return nil
		},
		compute: provisioned,
	},
}

// userOf is the first resource of a type, other than one, that names an id or a part of it.
func (w *World) userOf(id, token, other string) *Resource {
	for _, user := range w.referring(id) {
		if unversioned(user.Type) == "azure-native:"+token && fold(user.ID) != fold(other) {
			return user
		}
	}
	return nil
}

// resizedWhileInUse is the size in GiB that a disk does not grow beyond while its machine runs.
const resizedWhileInUse = 4096

func admitDisk(w *World, r, old *Resource) error {
	if r.in().str("creationData.createOption") == "Empty" && !r.in().has("diskSizeGB") {
		return refusal("InvalidParameter", "Required parameter 'disk.diskSizeGB' is missing (null).")
	}
	before, after := old.in().num("diskSizeGB"), r.in().num("diskSizeGB")
	if r.in().has("diskSizeGB") && after < before {
		return refusal("OperationNotAllowed",
			"The disk/snapshot resource with id %s cannot be resized down. Reducing disk/snapshot size is not "+
				"supported in Azure to prevent data loss. "+
				"If you do need to reduce the size of the disk, please create new snapshot/disks with the appropriate "+
				"size. More information is available at https://aka.ms/AzureDisksFAQ", r.ID)
	}
	machine := w.userOf(r.ID, "compute:VirtualMachine", "")
	if machine != nil && before <= resizedWhileInUse && after > resizedWhileInUse {
		return refusal("OperationNotAllowed",
			"Cannot resize disk %s while it is attached to running VM %s. Resizing a disk of an Azure Virtual "+
				"Machine requires the virtual machine to be deallocated. "+
				"Please stop your VM and retry the operation.", r.name(), machine.ID)
	}
	return nil
}

func admitMachine(w *World, r, old *Resource) error {
	for _, rule := range []func(*World, *Resource) error{
		machineImage, machineProfile, machineLogin, machineInterfaces, machineDisks, machinePremiumDisks,
		systemDiskIsNew, machineReads,
	} {
		if err := rule(w, r); err != nil {
			return err
		}
	}
	// Every machine here runs.
	size := "storageProfile.osDisk.diskSizeGB"
	if old != nil && r.in().has(size) && r.in().num(size) != old.in().num(size) {
		return refusal("Conflict", "Disk resizing is allowed only when creating a VM or when the VM is deallocated.")
	}
	return nil
}

func missingParameter(name string) error {
	return refusal("InvalidParameter", "Required parameter '%s' is missing (null).", name)
}

// fromImage tells whether a machine starts with a system of its own. One that starts with a disk has users and a name
// already.
func fromImage(r *Resource) bool {
	return r.in().str("storageProfile.osDisk.createOption") == "FromImage"
}

func machineImage(_ *World, r *Resource) error {
	if r.in().str("hardwareProfile.vmSize") == "" {
		return missingParameter("hardwareProfile.vmSize")
	}
	if r.in().str("storageProfile.osDisk.createOption") == "" {
		return missingParameter("osDisk.createOption")
	}
	image := r.in().object("storageProfile.imageReference")
	if !fromImage(r) || image.has("id") || image.has("communityGalleryImageId") || image.has("sharedGalleryImageId") {
		return nil
	}
	for _, property := range []string{"publisher", "offer", "sku", "version"} {
		if image.str(property) == "" {
			return missingParameter("imageReference." + property)
		}
	}
	return nil
}

// adminNames are no names for an administrator.
var adminNames = strings.Fields(
	"administrator admin user user1 test user2 test1 user3 admin1 1 123 a actuser adm admin2 aspnet backup console " +
		"david guest john owner root server sql " +
		"support support_388945a0 sys test2 test3 user4 user5")

// mostCustomData is 65,535 bytes in Base64.
const mostCustomData = 87380

func machineProfile(_ *World, r *Resource) error {
	profile := r.in().object("osProfile")
	if !fromImage(r) {
		return nil
	}
	for _, property := range []string{"computerName", "adminUsername"} {
		if profile.str(property) == "" {
			return missingParameter("osProfile." + property)
		}
	}
	if !machineNaming.pattern.MatchString(profile.str("computerName")) {
		return refusal("InvalidParameter",
			"Linux host name cannot exceed 64 characters in length or contain the following characters: ` ~ ! @ # $ "+
				"%% ^ & * ( ) = + _ [ ] { } \\ | ; : ' \" , < > / ?.")
	}
	if slices.Contains(adminNames, strings.ToLower(profile.str("adminUsername"))) {
		return refusal("InvalidParameter", "The Admin Username specified is not allowed.")
	}
	data := profile.str("customData")
	if _, err := base64.StdEncoding.DecodeString(data); err != nil || len(data) > mostCustomData {
		return refusal("InvalidParameter",
			"Custom data in OSProfile must be in Base64 encoding and with a maximum length of %d characters.", mostCustomData)
	}
	return nil
}

// machineLogin holds that somebody can log in, by a key that Azure takes or by a password.
func machineLogin(_ *World, r *Resource) error {
	profile := r.in().object("osProfile")
	keys := profile.objects("linuxConfiguration.ssh.publicKeys")
	password := profile.has("adminPassword") && !profile.flag("linuxConfiguration.disablePasswordAuthentication")
	if fromImage(r) && len(keys) == 0 && !password {
		return refusal("InvalidParameter",
			"Authentication using either SSH or by user name and password must be enabled in Linux profile.")
	}
	place := "/home/" + profile.str("adminUsername") + "/.ssh/authorized_keys"
	for _, key := range keys {
		if key.str("path") != place {
			return refusal("InvalidParameter",
				"Destination path for SSH public keys is currently limited to its default value %s  due to a known "+
					"issue in Linux provisioning agent.", place)
		}
		if kind, _, _ := strings.Cut(key.str("keyData"), " "); kind != "ssh-rsa" && kind != "ssh-ed25519" {
			return refusal("InvalidParameter", "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.")
		}
	}
	return nil
}

// machineInterfaces holds that every network interface is in the machine's region, and no other machine's.
func machineInterfaces(w *World, r *Resource) error {
	interfaces := r.in().objects("networkProfile.networkInterfaces")
	if len(interfaces) == 0 {
		return missingParameter("networkProfile.networkInterfaces")
	}
	for _, i := range interfaces {
		id := i.str("id")
		if id == "" {
			return missingParameter("networkInterface.id")
		}
		if owner := w.userOf(id, "compute:VirtualMachine", r.ID); owner != nil {
			return refusal("NicInUse", "Network Interface %s is used by existing VM %s.", id, owner.ID)
		}
		if err := sameRegion(w, w.find(id), r); err != nil {
			return err
		}
	}
	return nil
}

// machineDisks holds that every disk with data has a number of its own, and that those that are there can be attached.
func machineDisks(w *World, r *Resource) error {
	taken := map[float64]bool{}
	for _, data := range r.in().objects("storageProfile.dataDisks") {
		lun := data.num("lun")
		if taken[lun] {
			return refusal("InvalidParameter", "A disk at LUN %v already exists.", lun)
		}
		taken[lun] = true
		id := data.str("managedDisk.id")
		if data.str("createOption") != "Attach" {
			continue
		}
		if id == "" {
			return missingParameter("dataDisk.managedDisk.id")
		}
		if owner := w.userOf(id, "compute:VirtualMachine", r.ID); owner != nil {
			return refusal("ConflictingUserInput",
				"Disk '%s' cannot be attached as the disk is already owned by VM '%s'.", id, owner.ID)
		}
		if err := sameZone(w.find(id), r); err != nil {
			return err
		}
	}
	return nil
}

func skuOf(r *Resource) string { return r.in().str("sku.name") }

// sameZone refuses a disk of another zone. Copies of a zone-redundant one are in each, and a disk that was given is
// taken on trust.
func sameZone(disk, machine *Resource) error {
	if disk == nil || strings.HasSuffix(skuOf(disk), "_ZRS") {
		return nil
	}
	from, to := strings.Join(disk.in().texts("zones"), ","), strings.Join(machine.in().texts("zones"), ",")
	switch {
	case from == to:
		return nil
	case from == "":
		return refusal("BadRequest", "Disk %s cannot be attached to the VM because it is not in zone '%s'.", disk.ID, to)
	}
	return refusal("BadRequest",
		"Disk %s cannot be attached to the VM because it is not in the same zone as the VM. VM zone: '%s'. Disk "+
			"zone: '%s'.", disk.ID, to, from)
}

// sizePattern takes the letters of a size apart: Standard_D4ds_v5 is D and ds.
var sizePattern = regexp.MustCompile(`^Standard_([A-Z]+)\d+(?:-\d+)?([a-z]*)`)

// takesPremium tells whether machines of a size can have Premium SSDs: it has an s, as in D4s_v3, or had one before
// versions, as DS2_v2.
func takesPremium(size string) bool {
	letters := sizePattern.FindStringSubmatch(size)
	return letters != nil && (strings.HasSuffix(letters[1], "S") || strings.Contains(letters[2], "s"))
}

func machinePremiumDisks(w *World, r *Resource) error {
	disks := append(r.in().objects("storageProfile.dataDisks"), r.in().object("storageProfile.osDisk"))
	for _, d := range disks {
		name, storage := d.str("name"), d.str("managedDisk.storageAccountType")
		if disk := w.find(d.str("managedDisk.id")); disk != nil {
			name, storage = disk.name(), skuOf(disk)
		}
		if size := r.in().str("hardwareProfile.vmSize"); strings.HasPrefix(storage, "Premium") && !takesPremium(size) {
			return refusal("InvalidParameter",
				"Requested operation cannot be performed because the VM size %s does not support the storage account "+
					"type %s of disk '%s'. "+
					"Consider updating the VM to a size that supports Premium storage.", size, storage, name)
		}
	}
	return nil
}

func handlerOf(extension *Resource) string {
	return extension.in().str("publisher") + "." + extension.in().str("type")
}

// admitMachineExtension holds that the machine runs extensions, and each of them once.
func admitMachineExtension(w *World, r, _ *Resource) error {
	profile := w.find(parentID(r.ID)).in().object("osProfile")
	for _, property := range []string{"allowExtensionOperations", "linuxConfiguration.provisionVMAgent"} {
		if profile.has(property) && !profile.flag(property) {
			return refusal("OperationNotAllowed",
				"This operation cannot be performed when extension operations are disallowed. "+
					"To allow, please ensure VM Agent is installed on the VM and the osProfile.allowExtensionOperations "+
					"property is true.")
		}
	}
	if err := agentHasIdentity(w.find(parentID(r.ID)), r); err != nil {
		return err
	}
	for _, other := range w.each("compute:VirtualMachineExtension") {
		beside := fold(parentID(other.ID)) == fold(parentID(r.ID)) && fold(other.ID) != fold(r.ID)
		if beside && strings.EqualFold(handlerOf(other), handlerOf(r)) {
			return refusal("BadRequest",
				"Multiple VMExtensions per handler not supported for OS type 'Linux'. VMExtension '%s' with handler "+
					"'%s' already added or specified in input.", other.name(), handlerOf(other))
		}
	}
	return nil
}
