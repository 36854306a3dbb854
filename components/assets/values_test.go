package assets

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// What the brokers' configurations decide: who may do what, what is kept, and who is served. Each value is written here
// once more, so that none changes unnoticed.

// holds compares a value with what it must have: each key of an object, all elements of a list.
func holds(t *testing.T, where string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		has, is := got.(map[string]any)
		if !is || len(want) == 0 && len(has) > 0 {
			t.Errorf("%s is %v, want %v", where, got, want)
			return
		}
		for key, value := range want {
			holds(t, where+"."+key, has[key], value)
		}
	case []any:
		has, is := got.([]any)
		if !is || len(has) != len(want) {
			t.Errorf("%s is %v, want %v", where, got, want)
			return
		}
		for i, value := range want {
			holds(t, fmt.Sprintf("%s[%d]", where, i), has[i], value)
		}
	default:
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", where, got, want)
		}
	}
}

func fromYAML(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return value
}

func TestEveryValueOfEMQXsConfigurationIsTheOneThatWasChosen(t *testing.T) {
	with := someEMQX
	with.JWT = &JWT{"https://issuer.example/keys", "https://issuer.example", "mqtt", "sub"}
	tls := func(name string) string {
		return `{enable: true, verify: verify_peer, cacertfile: /etc/ssl/certs/ca-certificates.crt` + name + `}`
	}
	holds(t, "emqx.conf", any(decoded(t, with)), fromYAML(t, `
node: {data_dir: data, dist_net_ticktime: 15s}
cluster: {discovery_strategy: manual, autoheal: false}
telemetry: {enable: false}
listeners:
  tcp: {default: {enable: true, bind: "0.0.0.0:1883", bytes_rate: 10MB/s}}
  ws: {default: {enable: true, bind: "0.0.0.0:8083", bytes_rate: 10MB/s}}
  ssl: {default: {enable: false}}
  wss: {default: {enable: false}}
mqtt: {idle_timeout: 10s, max_subscriptions: 1000}
retainer: {max_payload_size: 16KB, backend: {max_retained_messages: 50000}}
dashboard: {listeners: {http: {bind: 18083}}}
authentication:
  - {mechanism: password_based, backend: http, method: post, url: "http://127.0.0.1:18085/token", request_timeout: 3s,
     body: {username: "${username}", password: "${password}", clientid: "${clientid}"}}
  - {mechanism: password_based, backend: postgresql, server: "db.example:5432", database: mqtt, username: mqtt_broker,
     password: "file:///mnt/secrets/database-password", password_hash_algorithm: {name: bcrypt}, pool_size: 8,
     query: "SELECT coalesce(password_hash, '$2a$10$W5gUuvBjW.xK4uV8kb1tW.7n9nH1Cbmlr3mNn1wqk4YQkX1k0o6yO') AS password_hash, \
       coalesce(salt, '') AS salt, coalesce(is_superuser, false) AS is_superuser, \
       username IS NOT NULL AS known FROM (SELECT) AS always LEFT JOIN mqtt_user ON username = ${username} \
       AND mqtt_may_connect_as(username, client_ids, ${clientid})",
     ssl: `+tls(", server_name_indication: db.example")+`}
authorization:
  no_match: deny
  deny_action: disconnect
  cache: {enable: true, ttl: 1m}
  sources:
    - {type: redis, redis_type: single, server: "redis.example:10000", username: default, password: "file:///mnt/secrets/redis-password",
       cmd: "HGETALL mqtt_acl:${username}", ssl: `+tls(", server_name_indication: redis.example")+`}
log: {console: {enable: true, level: warning, formatter: json}}
`))
}

// lines are those of a configuration without comments, and without those that begin as one of some words.
func lines(text string, without ...string) []string {
	var all []string
next:
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, word := range append(without, "#") {
			if strings.HasPrefix(line, word) {
				continue next
			}
		}
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}

func sameLines(t *testing.T, name string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%s: from line %d on it says\n%s\nwant\n%s", name, i, strings.Join(got[min(i, len(got)):], "\n"),
				strings.Join(want[min(i, len(want)):], "\n"))
			return
		}
	}
}

func TestEveryLineOfTheEdgesConfigurationIsTheOneThatWasChosen(t *testing.T) {
	config, err := Edge{Nodes: EdgeNodes()[:1], FrontDoorID: "the-id", MaxConnections: 7, CertificateFile: "/f",
		User: EdgeUser}.Config()
	if err != nil {
		t.Fatal(err)
	}
	sameLines(t, "haproxy.cfg", lines(config), lines(`
global
log stdout format raw local0 info
maxconn 4107
no strict-limits
user haproxy
group haproxy
stats socket ipv4@127.0.0.1:8881 level admin
ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
ssl-default-bind-ciphers `+strings.Join([]string{
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"}, ":")+`
defaults
log global
timeout connect 5s
timeout client 10s
timeout server 10s
timeout tunnel 4h
timeout check 3s
retries 3
option redispatch
option dontlognull
default-server check inter 2s fastinter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
default-server init-addr none resolvers environment
resolvers environment
parse-resolv-conf
resolve_retries 3
timeout resolve 2s
timeout retry 1s
hold valid 5s
hold nx 5s
frontend mqtts
mode tcp
option tcplog
maxconn 7
bind :8883 ssl crt /f
tcp-request inspect-delay 10s
tcp-request content accept if { req.len gt 0 }
tcp-request content reject if WAIT_END
use_backend mqtt-unchecked if { nbsrv(mqtt) eq 0 }
default_backend mqtt
backend mqtt
mode tcp
balance leastconn
option httpchk GET /serving
http-check disable-on-404
http-check expect status 200
server emqx-0 emqx-0.k8se-apps.svc.cluster.local:1883 port 18084
backend mqtt-unchecked
mode tcp
balance leastconn
option httpchk GET /serving
http-check expect status 404
server emqx-0 emqx-0.k8se-apps.svc.cluster.local:1883 port 18084
frontend websocket
mode http
option httplog
timeout http-request 10s
maxconn 4000
bind :8080
acl serving nbsrv(mqtt) ge 1
acl health path /healthz
http-request set-log-level silent if health
http-request return status 200 content-type text/plain string ok if health serving
http-request return status 503 content-type text/plain string "no broker node" if health
http-request deny deny_status 403 unless { req.hdr(X-Azure-FDID) -m str the-id }
http-request deny deny_status 404 unless { path /mqtt }
stick-table type ipv6 size 100k expire 1m store conn_cur,http_req_rate(10s)
http-request track-sc0 req.hdr_ip(X-Azure-SocketIP)
http-request deny deny_status 429 if { sc0_conn_cur gt 500 }
http-request deny deny_status 429 if { sc0_http_req_rate gt 200 }
use_backend websocket-unchecked if { nbsrv(websocket) eq 0 }
default_backend websocket
backend websocket
mode http
balance leastconn
option httpchk GET /serving
http-check disable-on-404
http-check expect status 200
server emqx-0 emqx-0.k8se-apps.svc.cluster.local:8083 port 18084
backend websocket-unchecked
mode http
balance leastconn
option httpchk GET /serving
http-check expect status 404
server emqx-0 emqx-0.k8se-apps.svc.cluster.local:8083 port 18084
frontend probes
mode http
maxconn 100
timeout http-request 10s
bind :8882
http-request set-log-level silent
http-request return status 200
`))
}

func TestEveryLineOfVerneMQsConfigurationIsTheOneThatWasChosen(t *testing.T) {
	v := VerneMQ{DatabaseName: "mqtt", DatabaseRoles: "mqtt_broker", Rotation: "r", ClientIDs: "prefix", Connections: 1000,
		Package: &VerneMQPackage{"https://x.example/v.deb", "ab"}}
	files, err := v.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"vernemq.conf": `
allow_anonymous = off
plugins.vmq_passwd = off
plugins.vmq_acl = off
plugins.vmq_diversity = on
vmq_diversity.auth_postgres.enabled = on
vmq_diversity.auth_postgres.script = /etc/vernemq/auth.lua
vmq_diversity.postgres.port = 5432
vmq_diversity.postgres.database = mqtt
vmq_diversity.postgres.password_hash_method = crypt
vmq_diversity.postgres.ssl = on
vmq_diversity.postgres.ssl.verify = verify_peer
vmq_diversity.postgres.cafile = /etc/ssl/certs/ca-certificates.crt
vmq_diversity.postgres.ssl.use_system_cas = off
metadata_plugin = vmq_swc
allow_register_during_netsplit = on
allow_publish_during_netsplit = on
allow_subscribe_during_netsplit = on
allow_unsubscribe_during_netsplit = on
outgoing_clustering_buffer_size = 8388608
erlang.distribution.net_ticktime = 15
erlang.distribution.port_range.minimum = 9100
erlang.distribution.port_range.maximum = 9109
erlang.max_ports = 17384
listener.nr_of_acceptors = 10
listener.max_connections = 100
listener.ssl.tls_version = tlsv1.2,tlsv1.3
listener.wss.tls_version = tlsv1.2,tlsv1.3
listener.ssl.depth = 3
listener.wss.depth = 3
http_modules = [vmq_metrics_http,vmq_health_http]
prometheus_namespace = ""
systree_enabled = off
persistent_client_expiration = 1w
max_offline_messages = 1000
topic_max_depth = 128
max_client_id_size = 256
max_message_size = 1048576
log.error = on
log.console = console
log.console.level = info
accept_eula = yes
`,
		"vernemq.service": `
[Unit]
Description=VerneMQ
[Service]
User=vernemq
Group=vernemq
Environment=HOME=/var/lib/vernemq
RuntimeDirectory=vernemq
LogsDirectory=vernemq
ReadWritePaths=/var/lib/vernemq
ExecStart=/usr/sbin/vernemq console -noshell -noinput
LimitNOFILE=17384
TasksMax=infinity
Restart=on-failure
RestartSec=10
TimeoutStopSec=120
IPAddressDeny=169.254.169.254
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
`,
		"vernemq.env": `
VERSION='2.1.2'
COMMIT='b968e5ae6d99a555e44109c72f34eb31e76f9136'
PACKAGE_URL='https://x.example/v.deb'
PACKAGE_SHA256='ab'
MQTT_PORT=8883
WEBSOCKET_PORT=8084
HEALTH_PORT=8888
HEALTH_PATH='/health'
CLUSTER_PORT=44053
LUN=0
DATABASE_ROLES='mqtt_broker'
ROTATION='r'
CLIENT_IDS='prefix'
VMQ_ADMIN="${VMQ_ADMIN:-/usr/sbin/vmq-admin}" # for tests
COLLECTOR_VERSION='` + CollectorVersion + `'
COLLECTOR_URL='` + CollectorURL + `'
COLLECTOR_SHA256='` + CollectorSHA256 + `'
COLLECTOR_CONNECTION=APPLICATIONINSIGHTS_CONNECTION_STRING
COLLECTOR_NODES=mqtt.nodes.running
COLLECTOR_FILE=collector.yaml
COLLECTOR_PORT=4318
`,
		"otelcol.service": `
[Unit]
Description=OpenTelemetry Collector for VerneMQ
Wants=network-online.target
After=network-online.target
[Service]
Type=exec
DynamicUser=yes
EnvironmentFile=/etc/otelcol/environment
Environment=GOMEMLIMIT=160MiB
ExecStart=/opt/otelcol-` + CollectorVersion + `/otelcol-contrib --config=/etc/otelcol/collector.yaml
Restart=on-failure
RestartSec=30
MemoryMax=256M
CPUQuota=25%
TasksMax=128
IPAddressDeny=169.254.169.254
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077
`,
	} {
		sameLines(t, name, lines(files[name]), lines(want))
	}
	v.Package = nil
	if files, err = v.Files(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"vernemq.service": "\nExecStart=/opt/vernemq/bin/vernemq console", "vernemq.env": "PACKAGE_URL=\nPACKAGE_SHA256=\n",
	} {
		if !strings.Contains(files[file], want) || strings.Contains(files["vernemq.conf"], "eula") {
			t.Errorf("built from source, %s has no %q, or terms are accepted", file, want)
		}
	}
}

func TestAMachineKeepsItsSettingsToItselfAndItsNodeAsItIsMeantToBeEachMinute(t *testing.T) {
	text, err := VerneMQMachine{"https://v.example/secrets/s", "c", "10.0.0.4"}.CloudInit()
	if err != nil {
		t.Fatal(err)
	}
	script, err := vernemqFiles.ReadFile("vernemq/amora-node.sh")
	if err != nil {
		t.Fatal(err)
	}
	holds(t, "cloud-init", fromYAML(t, text), fromYAML(t, `
write_files:
  - path: /etc/amora-sync/node.env
    permissions: "0600"
    content: "SETTINGS_URL='https://v.example/secrets/s'\nCLIENT_ID='c'\nADDRESS='10.0.0.4'\n"
  - {path: /usr/local/sbin/amora-node, permissions: "0755", encoding: b64, content: `+base64Text(string(script))+`}
  - path: /etc/systemd/system/amora-node.service
    content: |
      [Unit]
      Description=Keep the MQTT broker of this node as it is meant to be
      Wants=network-online.target
      After=network-online.target
      [Service]
      Type=oneshot
      ExecStart=/usr/local/sbin/amora-node tick
      TimeoutStartSec=infinity
  - path: /etc/systemd/system/amora-node.timer
    content: |
      [Unit]
      Description=Every minute, and when the machine has started
      [Timer]
      OnBootSec=5
      OnUnitInactiveSec=60
      [Install]
      WantedBy=timers.target
runcmd: [[systemctl, daemon-reload], [systemctl, enable, --now, amora-node.timer]]
`))
	if got, want := VerneMQDeployCommand("c", "10.0.0.4"),
		"cloud-init status --wait >/dev/null; exec /usr/local/sbin/amora-node deploy c 10.0.0.4"; got != want {
		t.Errorf("a deployment runs %q, want %q", got, want)
	}
}

// documents are those of some manifests, by kind and name.
func documents(t *testing.T, files map[string]string) map[string]any {
	t.Helper()
	all := map[string]any{}
	for file, text := range files {
		for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
			var document map[string]any
			err := decoder.Decode(&document)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			metadata := document["metadata"].(map[string]any)
			all[fmt.Sprintf("%v/%v", document["kind"], metadata["name"])] = document
		}
	}
	return all
}

var someHiveMQ = HiveMQ{
	DiskGB: 128, Zoned: true, Address: "10.0.0.9", Subnet: "aks", GatewaySubnet: "10.0.1.0/24",
	DatabaseSubnet: "10.0.2.0/24",
	DatabaseHost:   "db.example", DatabaseName: "mqtt", DatabaseUser: "mqtt_broker_1", DatabaseAdmin: "amora",
	PostgresImage: "r.example/postgres:16",
	VaultName:     "v", TenantID: "t", ClientID: "c", AdminPassword: "admin-password", BrokerPassword: "broker-password",
	BrokerPasswordVersion: "v1",
	KeepSnapshots:         true, Collector: "receivers: {}\n", Connection: "connection",
}

func TestWhatHiveMQsManifestsDecideIsWhatWasChosen(t *testing.T) {
	licensed := someHiveMQ
	licensed.Licence, licensed.SecurityLicence = "licence", "security-licence"
	for name, kind := range map[string]HiveMQ{"trial": someHiveMQ, "licensed": licensed} {
		files, err := kind.Manifests()
		if err != nil {
			t.Fatal(err)
		}
		found := documents(t, files)
		chosen := []map[string]string{hiveMQOfBoth, hiveMQOfATrial}
		if kind.Licensed() {
			chosen[1] = hiveMQWithALicence
		}
		for _, table := range chosen {
			for document, want := range table {
				holds(t, name+" "+document, found[strings.ReplaceAll(document, "VERSION", kind.PrepareVersion())],
					fromYAML(t, want))
			}
		}
	}
}

const (
	narrow   = "{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}"
	confined = "seccompProfile: {type: RuntimeDefault}"
	postgres = "{runAsNonRoot: true, runAsUser: 70, runAsGroup: 70, fsGroup: 70, " + confined + "}"
	where    = "{name: PGHOST, value: db.example}, {name: PGDATABASE, value: mqtt}, "
	database = where + "{name: PGUSER, value: amora}, " + withTLS
	reader   = where + "{name: PGUSER, value: mqtt_broker_1}, " + withTLS
	asBroker = "{name: BROKER, value: hivemq}, {name: BROKER_ROLE, value: mqtt_broker_1}, {name: CLIENT_IDS, value: any}"
	withTLS  = "{name: PGSSLMODE, value: verify-full}, {name: PGSSLROOTCERT, value: system}"
	ofVault  = "provider: azure, parameters: {clientID: c, keyvaultName: v, tenantId: t"
)

var hiveMQOfBoth = map[string]string{
	"Namespace/hivemq": `metadata: {annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}, labels: ` +
		`{pod-security.kubernetes.io/enforce: baseline, pod-security.kubernetes.io/audit: restricted, ` +
		`pod-security.kubernetes.io/warn: restricted}}`,
	"Service/edge": `
metadata:
  annotations:
    service.beta.kubernetes.io/azure-load-balancer-internal: "true"
    service.beta.kubernetes.io/azure-load-balancer-internal-subnet: aks
    service.beta.kubernetes.io/azure-load-balancer-ipv4: 10.0.0.9
    service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout: "30"
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: {amora-sync/pool: broker}
  ports: [{name: mqtt, port: 1883, targetPort: 1883}, {name: websocket, port: 8000, targetPort: 8000}]`,
	"NetworkPolicy/namespace": `
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}]}]
  egress:
    - to: [{podSelector: {}}]
    - {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]}
    - {to: [{ipBlock: {cidr: 10.0.2.0/24}}], ports: [{protocol: TCP, port: 5432}]}
    - ports: [{protocol: TCP, port: 443}]`,
	"NetworkPolicy/clients": `
spec:
  podSelector: {matchLabels: {amora-sync/pool: broker}}
  policyTypes: [Ingress]
  ingress: [{from: [{ipBlock: {cidr: 10.0.1.0/24}}], ports: [{protocol: TCP, port: 1883}, {protocol: TCP, port: 8000}]}]`,
	"NetworkPolicy/collector": `spec: {podSelector: {matchLabels: {app: collector}}, policyTypes: ` +
		`[Egress], egress: [{ports: [{protocol: TCP, port: 8883}]}]}`,
	"SecretProviderClass/administration": `spec: {` + ofVault +
		`, objects: "array:\n  - |\n    objectName: admin-password\n    objectType: secret\n    objectAlias: admin\n ` +
		` - |\n    objectName: broker-password\n    objectType: secret\n    objectAlias: broker\n"}}`,
	"CronJob/admin": `spec: {suspend: true, jobTemplate: {spec: {backoffLimit: 0, ` +
		`ttlSecondsAfterFinished: 3600, template: {spec: {serviceAccountName: admin, restartPolicy: Never, ` +
		`securityContext: ` + postgres + `}}}}}`,
	"Job/prepare-VERSION": `spec: {backoffLimit: 10, template: {spec: {serviceAccountName: admin, ` +
		`restartPolicy: Never, securityContext: ` + postgres + `}}}`,
	"HelmRepository/hivemq": `spec: {url: "https://hivemq.github.io/helm-charts"}`,
	"HelmRelease/operator": `
spec:
  chart: {spec: {chart: hivemq-platform-operator, version: 0.2.26}}
  install: {remediation: {retries: 5}}
  upgrade: {remediation: {retries: 5}}
  driftDetection: {mode: enabled}
  values: {namespaces: hivemq, podSecurityContext: {enabled: true, runAsNonRoot: true, ` + confined + `},
    containerSecurityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}`,
	"HelmRelease/broker": `
spec:
  dependsOn: [{name: operator}]
  chart: {spec: {chart: hivemq-platform, version: 0.2.72}}
  install: {remediation: {retries: 5}}
  upgrade: {remediation: {retries: 5}}
  driftDetection: {mode: enabled}
  postRenderers:
    - kustomize:
        patches:
          - target: {kind: HiveMQPlatform}
            patch: |
              - op: add
                path: /spec/statefulSet/spec/template/spec/topologySpreadConstraints
                value:
                  - maxSkew: 1
                    topologyKey: topology.kubernetes.io/zone
                    whenUnsatisfiable: DoNotSchedule
                    labelSelector:
                      matchLabels:
                        amora-sync/pool: broker
  values:
    telemetry: {anonymousUsageStatistics: {enabled: false}}
    hivemqRestrictions: {noConnectIdleTimeout: 10000, maxClientIdLength: 256}
    hivemqMqtt: {sessionExpiryMaxInterval: 604800, maxPacketSize: 1048576}
    nodes:
      replicaCount: ${brokers}
      labels: {amora-sync/pool: broker}
      resources: {cpu: "${cpu}", memory: "${memory}"}
      podSecurityContext: {enabled: true, runAsNonRoot: true, fsGroup: 0, ` + confined + `}
      containerSecurityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
      persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
    services:
      - {type: mqtt, hivemqListenerName: mqtt, exposed: true, containerPort: 1883, port: 1883}
      - {type: websocket, hivemqListenerName: websocket, exposed: true, containerPort: 8000, port: 8000, path: /mqtt}
    metrics: {enabled: true, port: 9399}
    podDisruptionBudget: {enabled: true, maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow}
    podScheduling:
      nodeSelector: {amora-sync/pool: broker}
      tolerations: [{key: amora-sync/pool, operator: Equal, value: broker, effect: NoSchedule}]
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {amora-sync/pool: broker}}}]
    volumeClaimTemplates:
      - metadata: {name: data}
        spec: {accessModes: [ReadWriteOnce], storageClassName: managed-csi-premium, resources: {requests: {storage: 128Gi}}}`,
	"Role/collector":               `rules: [{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}]`,
	"ClusterRole/hivemq-collector": `rules: [{apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}]`,
	"Deployment/collector": `
spec:
  replicas: 1
  strategy: {type: Recreate}
  template:
    spec:
      serviceAccountName: collector
      securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
      containers:
        - readinessProbe: {httpGet: {path: /, port: health}}
          livenessProbe: {httpGet: {path: /, port: health}, initialDelaySeconds: 30, periodSeconds: 30}
          resources: {limits: {cpu: 500m, memory: 512Mi}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}`,
}

var hiveMQOfATrial = map[string]string{
	"Role/credentials": `
rules:
  - {apiGroups: [""], resources: [secrets], verbs: [create]}
  - {apiGroups: [""], resources: [secrets], resourceNames: [credentials], verbs: [get, patch]}`,
	"RoleBinding/credentials": `{roleRef: {kind: Role, name: credentials}, subjects: [{kind: ServiceAccount, name: ` +
		`admin, namespace: hivemq}]}`,
	"HelmRelease/broker": `
spec:
  values:
    extensions:
      - {name: hivemq-allow-all-extension, enabled: false}
      - name: hivemq-file-rbac-extension
        enabled: true
        supportsHotReload: true
        startMandatory: true
        extensionUri: https://github.com/hivemq/hivemq-file-rbac-extension/releases/download/4.6.9/hivemq-file-rbac-extension-4.6.9.zip
        secretName: credentials
    additionalVolumes: [{type: persistentVolumeClaim, name: data, path: /opt/hivemq/data}]`,
	"Job/prepare-VERSION": `
spec:
  template:
    spec:
      initContainers:
        - {name: schema, securityContext: ` + narrow + `, env: [` + database + `, ` + asBroker + `]}
        - {name: credentials, securityContext: ` + narrow + `, env: [` + reader + `]}
      containers: [{name: publish, securityContext: ` + narrow + `, args: [apply, --server-side, --force-conflicts, --filename, /work/secret.json]}]`,
	"ConfigMap/scripts": `data: {config.xml: "<?xml version=\"1.0\" encoding=\"UTF-8\" ` +
		`standalone=\"yes\"?>\n<extension-configuration>\n` +
		`  <credentials-reload-interval>30</credentials-reload-interval>\n  <password-type>HASHED</password-type>\n</` +
		`extension-configuration>\n"}`,
}

var hiveMQWithALicence = map[string]string{
	"SecretProviderClass/licence": `spec: {` + ofVault +
		`, objects: "array:\n  - |\n    objectName: licence\n    objectType: secret\n    objectAlias: license.lic\n  ` +
		`  objectEncoding: base64\n  - |\n    objectName: security-licence\n    objectType: secret\n    objectAlias: ` +
		`enterprise-security.elic\n    objectEncoding: base64\n"}}`,
	"SecretProviderClass/mqtt-broker-1": `
metadata: {annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}}
spec: {` + ofVault + `, objects: "array:\n  - |\n    objectName: broker-password\n    objectType: secret\n    objectVersion: \"v1\"\n"},
  secretObjects: [{secretName: mqtt-broker-1, type: Opaque, data: [{objectName: broker-password, key: password}]}]}`,
	"HelmRelease/broker": `
spec:
  values:
    nodes:
      env:
        - {name: DATABASE_HOST, value: db.example}
        - {name: DATABASE_NAME, value: mqtt}
        - {name: DATABASE_USER, value: mqtt_broker_1}
        - {name: DATABASE_PASSWORD, valueFrom: {secretKeyRef: {name: mqtt-broker-1, key: password}}}
    extensions:
      - {name: hivemq-allow-all-extension, enabled: false}
      - {name: hivemq-enterprise-security-extension, enabled: true, supportsHotReload: false, startMandatory: true, configMapName: security}
    additionalVolumes:
      - {type: persistentVolumeClaim, name: data, path: /opt/hivemq/data}
      - {type: csi, path: /opt/hivemq/license, csi: {readOnly: true, volumeAttributes: {secretProviderClass: licence}}}
      - {type: csi, path: /mnt/database, csi: {readOnly: true, volumeAttributes: {secretProviderClass: mqtt-broker-1}}}
      - {type: emptyDir, mountName: drivers, path: /opt/hivemq/extensions/hivemq-enterprise-security-extension/drivers/jdbc}
    additionalInitContainers:
      - name: jdbc-driver
        command: [/bin/sh, -euc]
        args:
          - |
            wget -q -O /drivers/postgresql-42.7.3.jar "$URL"
            echo "$SHA256  /drivers/postgresql-42.7.3.jar" | sha256sum -c
        env:
          - {name: URL, value: "https://repo1.maven.org/maven2/org/postgresql/postgresql/42.7.3/postgresql-42.7.3.jar"}
          - {name: SHA256, value: a2644cbfba1baa145ff7e8c8ef582a6eed7a7ec4ca792f7f054122bdec756268}
        securityContext: {allowPrivilegeEscalation: false, runAsUser: 10000, capabilities: {drop: [ALL]}}`,
	"Job/prepare-VERSION": `spec: {template: {spec: {containers: [{name: schema, securityContext: ` + narrow +
		`, env: [` + database + `, ` + asBroker + `]}]}}}`,
}

func TestHiveMQLetsInWhoHasAPasswordOrATokenUnderItsOwnNameOverAVerifiedConnection(t *testing.T) {
	h := someHiveMQ
	h.Licence = "licence"
	const realm = "<sql-realm><name>users</name><enabled>true</enabled><configuration><db-type>POSTGRES</db-type>" +
		"<db-name>${DATABASE_NAME}</db-name>" +
		"<db-host>${DATABASE_HOST}</db-host><db-port>5432</db-port><db-username>${DATABASE_USER}</db-username>" +
		"<db-password>${DATABASE_PASSWORD}</db-password>" +
		"<db-options>sslmode=verify-full;sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory</db-options></" +
		"configuration></sql-realm>"
	const rules = "<sql-authorization-manager><realm>users</realm><use-authorization-key>true</use-authorization-key>" +
		"<use-authorization-role-key>false</use-authorization-role-key></sql-authorization-manager>"
	for _, c := range []struct {
		jwt   *JWT
		wants []string
	}{
		{nil, []string{realm + "</realms>",
			`<listener-pipeline listener="ALL"><sql-authentication-manager><realm>users</realm></` +
				`sql-authentication-manager>` + rules + "</listener-pipeline>"}},
		{&JWT{"https://i.example/keys", "https://i.example", "mqtt", "sub"}, []string{
			realm + "<jwt-realm><name>tokens</name><enabled>true</enabled><configuration><jwks-endpoint>https://" +
				"i.example/keys</jwks-endpoint>" +
				"<jwks-cache-duration>300</jwks-cache-duration></configuration></jwt-realm></realms>",
			`<listener-pipeline listener="ALL"><jwt-authentication-manager><realm>tokens</realm><jwt-validation>` +
				`<reserved-claims><iss>https://i.example</iss>` +
				"<aud>mqtt</aud><sub>${mqtt-username}</sub></reserved-claims></jwt-validation></jwt-authentication-manager>" +
				"<authorization-preprocessors><plain-preprocessor><transformations><transformation><from>" +
				"mqtt-username</from><to>authorization-key</to>" +
				"</transformation></transformations></plain-preprocessor></authorization-preprocessors>" + rules +
				"</listener-pipeline>",
		}},
	} {
		h.JWT = c.jwt
		text, err := h.SecurityConfig()
		if err != nil {
			t.Fatal(err)
		}
		text = strings.Join(lines(text), "")
		for _, want := range c.wants {
			if !strings.Contains(text, want) {
				t.Errorf("there is no\n%s\nin\n%s", want, text)
			}
		}
	}
}

func TestWhatTheNightlySnapshotsDecideIsWhatWasChosen(t *testing.T) {
	files, err := HiveMQSnapshots{Group: "g", Brokers: 3, RetentionDays: 14, ShellImage: "shell"}.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	found := documents(t, files)
	for name, want := range map[string]string{
		"VolumeSnapshotClass/amora-backup": `{driver: disk.csi.azure.com, deletionPolicy: Delete, parameters: ` +
			`{incremental: "true", resourceGroup: g}}`,
		"Role/snapshots": `rules: [{apiGroups: [snapshot.storage.k8s.io], resources: ` +
			`[volumesnapshots], verbs: [get, list, watch, create, patch, delete]}]`,
		"CronJob/snapshots": `
spec:
  schedule: 0 2 * * *
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 14400
  jobTemplate:
    spec:
      backoffLimit: 3
      activeDeadlineSeconds: 14400
      template:
        spec:
          serviceAccountName: snapshots
          restartPolicy: Never
          securityContext: ` + postgres + `
          initContainers:
            - {name: plan, image: shell, securityContext: ` + narrow + `}
            - {name: take, securityContext: ` + narrow + `, args: [apply, --server-side, --force-conflicts, --filename, /work/taken.yaml]}
            - {name: complete, securityContext: ` + narrow + `, args: [wait, "--for=jsonpath={.status.readyToUse}=true", --timeout=1h, --filename, /work/taken.yaml]}
          containers:
            - {name: expire, securityContext: ` + narrow + `, args: [delete, --ignore-not-found, --wait=false, --filename, /work/expired.yaml]}`,
	} {
		holds(t, name, found[name], fromYAML(t, want))
	}
}

// collectedAs are a broker's own metrics by the name that they get.
var collectedAs = map[CollectedBroker]map[string]string{
	CollectedEMQX: {
		"mqtt.connections": "emqx_live_connections_count", "mqtt.messages.received": "emqx_messages_received",
		"mqtt.messages.sent":           "emqx_messages_sent",
		"mqtt.messages.dropped":        "emqx_delivery_dropped_queue_full|emqx_delivery_dropped_too_large",
		"mqtt.subscriptions":           "emqx_subscriptions_count",
		"mqtt.authentication.failures": "emqx_packets_connack_auth_error", "mqtt.nodes.running": "emqx_cluster_nodes_running",
	},
	CollectedHiveMQ: {
		"mqtt.connections":       "com_hivemq_networking_connections_current",
		"mqtt.messages.received": "com_hivemq_messages_incoming_publish_count",
		"mqtt.messages.sent":     "com_hivemq_messages_outgoing_publish_count",
		"mqtt.messages.dropped":  "com_hivemq_messages_dropped_count",
		"mqtt.subscriptions":     "com_hivemq_subscriptions_overall_current",
		"mqtt.nodes.running":     "com_hivemq_cluster_nodes_count",
	},
	CollectedVerneMQ: {
		"mqtt.connections": "total_active_connections", "mqtt.messages.received": "mqtt_publish_received",
		"mqtt.messages.sent":    "mqtt_publish_sent",
		"mqtt.messages.dropped": "queue_message_drop", "mqtt.authentication.failures": "mqtt_connack_sent",
	},
}

// collectedFrom is how a broker's collector finds and fetches them.
var collectedFrom = map[CollectedBroker]string{
	CollectedEMQX: `{metrics_path: /api/v5/prometheus/stats, params: {mode: [node]}}`,
	CollectedHiveMQ: `
metrics_path: /
kubernetes_sd_configs:
  - {role: pod, namespaces: {names: [hivemq]}, selectors: [{role: pod, label: amora-sync/pool=broker}], attach_metadata: {node: true}}
relabel_configs:
  - {source_labels: [__meta_kubernetes_pod_phase], regex: Succeeded|Failed, action: drop}
  - {source_labels: [__meta_kubernetes_pod_ip], target_label: __address__, replacement: "$$1:9399"}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: node}
  - {source_labels: [__meta_kubernetes_pod_name], target_label: instance}
  - {source_labels: [__meta_kubernetes_node_label_topology_kubernetes_io_zone], regex: '.+-(\d+)', target_label: zone, replacement: "$$1"}`,
	CollectedVerneMQ: `
metrics_path: /metrics
metric_relabel_configs:
  - {source_labels: [__name__], action: keep}
  - source_labels: [return_code, reason_code]
    regex: (?:bad_username_or_password|not_authorized);|;(?:bad_username_or_password|not_authorized)
    target_label: refused
    replacement: "true"
  - {source_labels: [__name__, refused], regex: mqtt_connack_sent;, action: drop}`,
}

func TestWhatACollectorFetchesAndSendsIsWhatWasChosen(t *testing.T) {
	for broker, metrics := range collectedAs {
		c := Collector{Broker: broker, Certificate: "h:8883"}
		receivers, otlp := "[prometheus]", ""
		if broker != CollectedHiveMQ {
			c.Targets = []CollectorTarget{{Address: "a:1", Node: "a"}}
		}
		if broker == CollectedVerneMQ {
			receivers, otlp = "[prometheus, otlp]", "otlp: {protocols: {http: {endpoint: 127.0.0.1:4318}}}"
		}
		config := fromYAML(t, rendered(t, c)).(map[string]any)
		holds(t, string(broker), any(config), fromYAML(t, `
extensions: {health_check: {endpoint: 0.0.0.0:13133}}
receivers:
  prometheus: {config: {scrape_configs: [{job_name: mqtt-broker, scrape_interval: 1m0s}]}}
  tlscheck: {collection_interval: 1m0s, targets: [{endpoint: h:8883}]}
  `+otlp+`
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 160, spike_limit_mib: 40}
  filter: {metric_conditions: ['HasPrefix(metric.name, "scrape_")', datapoint.flags == FLAG_NO_RECORDED_VALUE]}
  cumulative_to_delta:
    initial_value: drop
    include: {match_type: strict, metrics: [mqtt.messages.received, mqtt.messages.sent, mqtt.messages.dropped, mqtt.authentication.failures]}
exporters: {azuremonitor: {connection_string: "${env:APPLICATIONINSIGHTS_CONNECTION_STRING}"}}
service:
  extensions: [health_check]
  pipelines:
    metrics/brokers:
      receivers: `+receivers+`
      processors: [memory_limiter, filter, metrics_transform, transform/brokers, cumulative_to_delta, batch]
      exporters: [azuremonitor]
    metrics/certificate: {receivers: [tlscheck], processors: [memory_limiter, transform/certificate, batch], exporters: [azuremonitor]}
  telemetry: {metrics: {level: none}, logs: {level: warn, encoding: json}}
`))
		scrapes := config["receivers"].(map[string]any)["prometheus"].(map[string]any)["config"].(map[string]any)
		holds(t, string(broker), scrapes["scrape_configs"].([]any)[0], fromYAML(t, collectedFrom[broker]))
		transforms := config["processors"].(map[string]any)["metrics_transform"].(map[string]any)["transforms"].([]any)
		if len(transforms) != len(metrics)+1 {
			t.Errorf("%s: %d metrics are renamed, want %d and whether a node is up", broker, len(transforms), len(metrics))
		}
		for _, transform := range transforms {
			name := transform.(map[string]any)["new_name"].(string)
			want := `{include: up, action: update}`
			if from := metrics[name]; from != "" {
				want = `{include: "^(?:` + from + `)$$", match_type: regexp, action: combine, aggregation_type: sum,
  operations: [{action: aggregate_labels, label_set: [node, zone], aggregation_type: sum}]}`
			} else if name != "mqtt.node.up" {
				t.Errorf("%s: there is %s", broker, name)
			}
			holds(t, string(broker)+" "+name, transform, fromYAML(t, want))
		}
	}
}
