package components

// DiskBackup is how what brokers keep on disk is backed up: each disk once a night, by itself. Disks of one cluster are
// not backed up at one moment.
type DiskBackup struct {
	RetentionDays int  // of a backup; 7 to 35
	GeoRedundant  bool // machines only: the backups are in the paired region as well, and can be restored there
	Zoned         bool // the region has availability zones: the backups outlive the loss of one
	// clusters only: the backups stay when the broker goes. Those of machines always do, for softDeleteDays
	Keep bool
}

// softDeleteDays is how long Azure Backup keeps what was deleted: the shortest time that it takes, which is the one
// without a price.
const softDeleteDays = 14

// backupTime is when a backup starts, in UTC. Azure reads the time of day out of it.
const backupTime = "2026-01-01T02:00:00Z"

// redundancy is how an Azure Backup vault stores backups, in Azure's word, and short for names.
func (b DiskBackup) redundancy() (storage, short string) {
	switch {
	case b.GeoRedundant:
		return "GeoRedundant", "grs"
	case b.Zoned:
		return "ZoneRedundant", "zrs"
	}
	return "LocallyRedundant", "lrs"
}
