package standin

import "strings"

// metricsOf are the metrics of the types that alerts are on, in lower case, each with its dimensions, as Microsoft's
// reference "Supported metrics with Azure Monitor" names them.
var metricsOf = map[string]map[string][]string{
	"microsoft.dbforpostgresql/flexibleservers": plus(measured(`active_connections backup_storage_used connections_failed connections_succeeded cpu_credits_consumed cpu_credits_remaining
		cpu_percent disk_bandwidth_consumed_percentage disk_iops_consumed_percentage disk_queue_depth iops is_db_alive longest_query_time_sec longest_transaction_time_sec
		max_connections maximum_used_transactionIDs memory_percent network_bytes_egress network_bytes_ingress oldest_backend_time_sec oldest_backend_xmin oldest_backend_xmin_age
		physical_replication_delay_in_bytes physical_replication_delay_in_seconds read_iops read_throughput storage_free storage_percent storage_used tcp_connection_backlog
		txlogs_storage_used write_iops write_throughput`), measured(`blks_hit blks_read client_connections_active client_connections_waiting deadlocks numbackends num_pools
		server_connections_active server_connections_idle temp_bytes temp_files total_pooled_connections tup_deleted tup_fetched tup_inserted tup_returned tup_updated
		xact_commit xact_rollback xact_total`, "DatabaseName"), measured("sessions_by_state", "State"), measured("sessions_by_wait_event_type", "WaitEventType"),
		measured("logical_replication_delay_in_bytes", "SlotName")),
	"microsoft.cache/redis": plus(measured(`allcachehits allcachemisses allcacheRead allcacheWrite allconnectedclients allConnectionsClosedPerSecond allConnectionsCreatedPerSecond
		allevictedkeys allexpiredkeys allgetcommands alloperationsPerSecond allpercentprocessortime allserverLoad allsetcommands alltotalcommandsprocessed alltotalkeys
		allusedmemory allusedmemorypercentage allusedmemoryRss cachehits cachemissrate cachemisses cacheLatency cacheRead cacheWrite connectedclients evictedkeys expiredkeys
		getcommands LatencyP99 operationsPerSecond percentProcessorTime serverLoad setcommands totalcommandsprocessed totalkeys usedmemory usedmemorypercentage usedmemoryRss`,
		"ShardId", "Port", "Primary"), measured("errors", "ShardId", "ErrorType"), measured(`GeoReplicationConnectivityLag GeoReplicationDataSyncOffset
		GeoReplicationFullSyncEventFinished GeoReplicationFullSyncEventStarted GeoReplicationHealthy`)),
	"microsoft.cache/redisenterprise": plus(measured(`cachehits evictedkeys expiredkeys geoReplicationHealthy getcommands operationsPerSecond serverLoad setcommands
		totalcommandsprocessed totalkeys usedmemory`), measured("cacheLatency cachemisses cacheRead cacheWrite connectedclients percentProcessorTime usedmemorypercentage", "InstanceId"),
		measured("errors", "InstanceId", "ErrorType")),
	"microsoft.cdn/profiles": plus(measured("ByteHitRatio", "Endpoint"),
		measured("OriginHealthPercentage", "Origin", "OriginGroup"), measured("OriginLatency", "Origin", "Endpoint"),
		measured("OriginRequestCount", "HttpStatus", "HttpStatusGroup", "Origin", "Endpoint"),
		measured("Percentage4XX Percentage5XX", "Endpoint", "ClientRegion", "ClientCountry"),
		measured("RequestCount RequestSize ResponseSize TotalLatency", "HttpStatus", "HttpStatusGroup", "ClientRegion",
			"ClientCountry", "Endpoint"),
		measured("WebApplicationFirewallRequestCount", "PolicyName", "RuleName", "Action")),
	"microsoft.network/applicationgateways": plus(
		measured("CapacityUnits ComputeUnits CpuUtilization CurrentConnections EstimatedBilledCapacityUnits "+
			"FixedBillableCapacityUnits NewConnectionsPerSecond Throughput"),
		measured("ApplicationGatewayTotalTime BytesReceived BytesSent ClientRtt", "Listener"),
		measured("TlsProtocol", "Listener", "TlsProtocol"), measured("ResponseStatus", "HttpStatusGroup"),
		measured("AvgRequestCountPerHealthyHost FailedRequests HealthyHostCount TotalRequests UnhealthyHostCount",
			"BackendSettingsPool"),
		measured("BackendConnectTime BackendFirstByteResponseTime BackendLastByteResponseTime", "Listener",
			"BackendServer", "BackendPool", "BackendHttpSetting"),
		measured("BackendResponseStatus", "BackendServer", "BackendPool", "BackendHttpSetting", "HttpStatusGroup")),
	"microsoft.network/loadbalancers": plus(measured("AllocatedSnatPorts UsedSnatPorts", "FrontendIPAddress",
		"BackendIPAddress", "ProtocolType", "IsAwaitingRemoval"),
		measured("ByteCount PacketCount SYNCount", "FrontendIPAddress", "FrontendPort", "Direction"),
		measured("SnatConnectionCount", "FrontendIPAddress", "BackendIPAddress", "ConnectionState"),
		measured("DipAvailability", "ProtocolType", "BackendPort", "FrontendIPAddress", "FrontendPort",
			"BackendIPAddress"), measured("VipAvailability", "FrontendIPAddress", "FrontendPort"),
		measured("GlobalBackendAvailability", "FrontendIPAddress", "FrontendPort", "BackendIPAddress", "ProtocolType",
			"FrontendRegion", "BackendRegion")),
	"microsoft.network/trafficmanagerprofiles": measured(
		"ProbeAgentCurrentEndpointStateByProfileResourceId QpsByEndpoint", "EndpointName"),
	"microsoft.keyvault/vaults": plus(measured("Availability SaturationShoebox", "ActivityType", "ActivityName",
		"StatusCode", "StatusCodeClass", "TransactionType"),
		measured("ServiceApiHit", "ActivityType", "ActivityName"),
		measured("ServiceApiLatency ServiceApiResult", "ActivityType", "ActivityName", "StatusCode", "StatusCodeClass")),
}

// measured are metrics, by their names, that have the same dimensions.
func measured(names string, dimensions ...string) map[string][]string {
	metrics := map[string][]string{}
	for name := range strings.FieldsSeq(names) {
		metrics[name] = dimensions
	}
	return metrics
}

func plus(groups ...map[string][]string) map[string][]string {
	all := map[string][]string{}
	for _, group := range groups {
		for name, dimensions := range group {
			all[name] = dimensions
		}
	}
	return all
}
