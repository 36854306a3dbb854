package standin

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

var replicationKinds = []*kind{{
	token: "dbforpostgresql:VirtualEndpoint", arm: "Microsoft.DBforPostgreSQL/flexibleServers/virtualEndpoints",
	path: []string{"serverName", "virtualEndpointName"}, latency: time.Minute,
	naming: naming{pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{1,61}[A-Za-z0-9]$`),
		rule: "3 to 63 letters, digits and hyphens, with no hyphen at either end", auto: autoCopy},
	enums: map[string][]string{"endpointType": {"ReadWrite"}},
	admit: admitVirtualEndpoint,
	compute: func(_ *World, r *Resource) map[string]any {
		return map[string]any{"virtualEndpoints": []any{
			r.name() + ".writer.postgres.database.azure.com", r.name() + ".reader.postgres.database.azure.com",
		}}
	},
}}

func admitVirtualEndpoint(w *World, r, _ *Resource) error {
	for _, member := range r.in().texts("members") {
		if !slices.ContainsFunc(w.each("dbforpostgresql:Server"), func(s *Resource) bool {
			follows := isReplica(s) && fold(s.in().str("sourceServerResourceId")) == fold(parentID(r.ID))
			return strings.EqualFold(s.name(), member) && (follows || fold(s.ID) == fold(parentID(r.ID)))
		}) {
			return refusal("InvalidParameterValue",
				"The member %s of the virtual endpoint %s is neither the server %s nor a replica of it.", member,
				r.name(), lastSegment(parentID(r.ID)))
		}
	}
	return nil
}

// isReplica says whether a server follows another one. The mode in which it was made is not kept, because Azure does
// not give it back; a server that began with another one's backup has the time of that.
func isReplica(server *Resource) bool {
	return server.in().str("sourceServerResourceId") != "" && !server.in().has("pointInTimeUTC")
}

// maxReplicas is Microsoft's limit (learn.microsoft.com/azure/postgresql/read-replica/concepts-read-replicas).
const maxReplicas = 5

// admitReplica holds a new replica against what it follows.
func admitReplica(w *World, r *Resource) error {
	in := r.in()
	source := w.find(in.str("sourceServerResourceId"))
	if source == nil {
		return refusal("SourceServerNotFound", "The source server %s does not exist.", in.str("sourceServerResourceId"))
	}
	of := source.in()
	switch {
	case of.str("sku.tier") == "Burstable":
		return refusal("ReplicaNotSupportedForBurstable",
			"Read replicas are not supported for the Burstable tier of %s.", source.ID)
	case isReplica(source):
		return refusal("ReplicaOfReplicaNotSupported", "The source server %s is a replica.", source.ID)
	case in.str("sku.tier") != of.str("sku.tier") || in.num("storage.storageSizeGB") < of.num("storage.storageSizeGB"):
		return refusal("ReplicaSizeMismatch", "A replica must have the tier of its source, and storage that is not smaller.")
	case in.has("highAvailability.mode") && in.str("highAvailability.mode") != "Disabled",
		in.str("backup.geoRedundantBackup") == "Enabled":
		return refusal("ReplicaFeatureNotSupported",
			"A read replica has neither high availability nor geo-redundant backups.")
	}
	count := 0
	for _, s := range w.each("dbforpostgresql:Server") {
		if isReplica(s) && fold(s.in().str("sourceServerResourceId")) == fold(source.ID) && fold(s.ID) != fold(r.ID) {
			count++
		}
	}
	if count >= maxReplicas {
		return refusal("ReplicaLimitReached", "The server %s has %d replicas already.", source.ID, maxReplicas)
	}
	here, there := parentID(in.str("network.delegatedSubnetResourceId")),
		parentID(of.str("network.delegatedSubnetResourceId"))
	if fold(here) != fold(there) && !w.peered(here, there) {
		return refusal("VirtualNetworksNotPeered",
			"The virtual networks %s and %s of the replica and its source are not peered.", here, there)
	}
	return nil
}

// admitRestored holds a server that begins with a backup against the server whose backup it is.
func admitRestored(w *World, r *Resource) error {
	source := w.find(r.in().str("sourceServerResourceId"))
	if source == nil {
		return refusal("SourceServerNotFound", "The source server %s does not exist.", r.in().str("sourceServerResourceId"))
	}
	if r.in().str("createMode") == "GeoRestore" && source.in().str("backup.geoRedundantBackup") != "Enabled" {
		return refusal("GeoBackupNotEnabled", "The server %s has no geo-redundant backups.", source.ID)
	}
	if _, err := time.Parse(time.RFC3339, r.in().str("pointInTimeUTC")); err != nil {
		return refusal("InvalidPointInTime", "The restore point '%s' is no time in the form of ISO 8601.",
			r.in().str("pointInTimeUTC"))
	}
	return nil
}

// restoredDatabases are the databases of the server whose backup another one begins with.
func restoredDatabases(w *World, r *Resource) []*Resource {
	var all []*Resource
	source := fold(r.in().str("sourceServerResourceId"))
	for _, database := range w.each("dbforpostgresql:Database") {
		if r.in().has("pointInTimeUTC") && fold(parentID(database.ID)) == source {
			inputs := maps.Clone(database.Inputs)
			inputs["serverName"] = r.name()
			all = append(all, &Resource{ID: r.ID + "/databases/" + database.name(), Type: database.Type, Inputs: inputs,
				Outputs: maps.Clone(database.Outputs)})
		}
	}
	return all
}

// followed refuses to delete a server that others follow.
func followed(w *World, r *Resource) error {
	for _, s := range w.each("dbforpostgresql:Server") {
		if isReplica(s) && fold(s.in().str("sourceServerResourceId")) == fold(r.ID) {
			return refusal("ServerHasReplicas",
				"The server %s has the replica %s, which has to be deleted or promoted first.", r.ID, s.ID)
		}
	}
	return nil
}
