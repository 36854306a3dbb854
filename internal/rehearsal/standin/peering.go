package standin

import "time"

var peeringKinds = []*kind{{
	token: "network:VirtualNetworkPeering", arm: "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
	path: []string{"virtualNetworkName", "virtualNetworkPeeringName"}, naming: networkNaming.copied(),
	required: []string{"remoteVirtualNetwork"},
	fixed:    []string{"remoteVirtualNetwork"}, latency: 15 * time.Second, alone: parentID, observes: true,
	admit: admitPeering,
	compute: func(w *World, r *Resource) map[string]any {
		state := "Initiated"
		if w.peering(r.in().str("remoteVirtualNetwork.id"), parentID(r.ID)) != nil {
			state = "Connected"
		}
		return map[string]any{"peeringState": state, "provisioningState": "Succeeded"}
	},
	volatile: []string{"peeringState"},
}}

// peering is the one that leads from a network to another, nil for none.
func (w *World) peering(from, to string) *Resource {
	for _, p := range w.each("network:VirtualNetworkPeering") {
		if fold(parentID(p.ID)) == fold(from) && fold(p.in().str("remoteVirtualNetwork.id")) == fold(to) {
			return p
		}
	}
	return nil
}

// peered says whether two networks reach each other.
func (w *World) peered(a, b string) bool { return w.peering(a, b) != nil && w.peering(b, a) != nil }

func admitPeering(w *World, r, _ *Resource) error {
	from, to := w.find(parentID(r.ID)), w.find(r.in().str("remoteVirtualNetwork.id"))
	if from == nil || to == nil {
		return nil // refused elsewhere, or given
	}
	here, err := prefixes(from.in().texts("addressSpace.addressPrefixes")...)
	if err != nil {
		return err
	}
	there, err := prefixes(to.in().texts("addressSpace.addressPrefixes")...)
	if err != nil {
		return err
	}
	for _, a := range here {
		for _, b := range there {
			if a.Overlaps(b) {
				return refusal("VnetAddressSpacesOverlap",
					"Cannot create or update peering %s. Virtual networks %s and %s cannot be peered because their "+
						"address spaces overlap. Overlapping address prefixes: %s, %s",
					r.ID, from.ID, to.ID, a, b)
			}
		}
	}
	if other := w.peering(from.ID, to.ID); other != nil && fold(other.ID) != fold(r.ID) {
		return refusal("PeeringToRemoteVnetAlreadyExists", "Peering %s to the virtual network %s already exists.",
			other.ID, to.ID)
	}
	return nil
}
