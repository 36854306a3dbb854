package assets

import _ "embed"

// SchemaFile is the name of [Schema] in [ConfigDir].
const SchemaFile = "schema.sql"

// Schema is the SQL of users and topic rules, the same for every broker.
//
//go:embed schema.sql
var Schema string

// Scripts that run in a container of the stack.
var (
	//go:embed schema.sh
	SchemaScript string // applies Schema; libpq's variables, BROKER_PASSWORD

	//go:embed rules_export.sh
	RulesExportScript string // database → /work; libpq's variables

	//go:embed rules_load.sh
	RulesLoadScript string // /work → Redis; REDIS_HOST, REDIS_PORT, REDISCLI_AUTH

	//go:embed admin.sh
	AdminScript string // one operation on the user store; libpq's variables, OPERATION, MQTT_USERNAME, …

	//go:embed credentials.sh
	CredentialsScript string // database → /work/secret.json, for HiveMQ without a licence; libpq's variables

	//go:embed certificate_to_pem.sh
	CertificateToPEMScript string // IN → OUT; HOSTS
)

// Scripts that run in an Azure CLI deployment script.
var (
	//go:embed mirror.sh
	MirrorScript string // REGISTRY_NAME, IMAGES

	//go:embed self_signed.sh
	SelfSignedScript string // VAULT_NAME, CERTIFICATE_NAME, DOMAINS
)
