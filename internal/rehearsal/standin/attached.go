package standin

import (
	"slices"
	"strings"
)

// What happens to disks and network interfaces when their machine is deleted is said at the machine, by the delete
// option of each: Delete, or Detach, which is the default. See Microsoft's "Delete a VM and attached resources"
// (learn.microsoft.com/azure/virtual-machines/delete) and deleteOption in the API of virtual machines.

const deleted = "Delete"

var deleteOptions = []string{deleted, "Detach"}

// attachments are the parts of a machine that may go with it.
func attachments(in props) []props {
	return append(slices.Concat(in.objects("storageProfile.dataDisks"), in.objects("networkProfile.networkInterfaces")),
		in.object("storageProfile.osDisk"))
}

func checkDeleteOptions(in props) []fault {
	var faults []fault
	for _, a := range attachments(in) {
		if option := a.str("deleteOption"); option != "" && !slices.Contains(deleteOptions, option) {
			faults = append(faults, fault{"deleteOption", "'" + option + "' is not one of " + strings.Join(deleteOptions, ", ")})
		}
	}
	return faults
}

// deletedWithMachine are the disks and network interfaces that are attached with Delete.
func deletedWithMachine(w *World, machine *Resource) []*Resource {
	var gone []*Resource
	for _, a := range attachments(machine.in()) {
		id := a.str("id") // of a network interface
		if id == "" {
			id = a.str("managedDisk.id")
		}
		if attached := w.find(id); attached != nil && a.str("deleteOption") == deleted {
			gone = append(gone, attached)
		}
	}
	return gone
}

// leftByMachine is the disk with the system that Azure made of the image, unless it goes with the machine.
func leftByMachine(w *World, machine *Resource) []*Resource {
	system := machine.in().object("storageProfile.osDisk")
	if !fromImage(machine) || system.str("name") == "" || system.str("deleteOption") == deleted {
		return nil
	}
	disk := &Resource{Type: "azure-native:compute:Disk", ID: systemDisk(machine), Inputs: map[string]any{
		"resourceGroupName": lastSegment(groupOf(machine.ID)), "diskName": system.str("name"),
		"location":     locationOf(w, machine),
		"creationData": map[string]any{"createOption": "FromImage"}, "diskSizeGB": system.num("diskSizeGB"),
	}}
	disk.Outputs = kinds[disk.Type].outputs(w, disk)
	return []*Resource{disk}
}

func systemDisk(machine *Resource) string {
	return groupOf(machine.ID) + "/providers/Microsoft.Compute/disks/" + machine.in().str("storageProfile.osDisk.name")
}

// systemDiskIsNew refuses to make a system's disk where one of that name is left of an earlier machine.
func systemDiskIsNew(w *World, r *Resource) error {
	if disk := w.find(systemDisk(r)); fromImage(r) && disk != nil {
		return refusal("ConflictingUserInput", "Disk %s already exists in resource group %s. "+
			"Only CreateOption.Attach is supported.", disk.name(), lastSegment(groupOf(r.ID)))
	}
	return nil
}
