#!/bin/bash
# Makes a self-signed certificate in the vault where there is none for these host names. DOMAINS holds them, the subject
# first.
set -euo pipefail
present=$(az keyvault certificate show --vault-name "$VAULT_NAME" --name "$CERTIFICATE_NAME" --output tsv \
    --query "policy.x509CertificateProperties.subjectAlternativeNames.dnsNames" 2>/dev/null | xargs) || true
if [ "$present" = "$DOMAINS" ]; then
    echo "$CERTIFICATE_NAME is there"
    exit 0
fi
names=""
for domain in $DOMAINS; do
    names="$names${names:+,}\"$domain\""
done
policy=$(cat <<JSON
{
  "issuerParameters": {"name": "Self"},
  "keyProperties": {"exportable": true, "keyType": "RSA", "keySize": 2048, "reuseKey": false},
  "secretProperties": {"contentType": "application/x-pkcs12"},
  "x509CertificateProperties": {
    "subject": "CN=${DOMAINS%% *}",
    "subjectAlternativeNames": {"dnsNames": [$names]},
    "keyUsage": ["digitalSignature", "keyEncipherment"],
    "ekus": ["1.3.6.1.5.5.7.3.1"],
    "validityInMonths": 12
  },
  "lifetimeActions": [{"action": {"actionType": "AutoRenew"}, "trigger": {"daysBeforeExpiry": 30}}]
}
JSON
)
# A role that was assigned seconds ago may not be known to the vault yet.
for try in 1 2 3 4 5 6 7 8; do
    if az keyvault certificate create --vault-name "$VAULT_NAME" --name "$CERTIFICATE_NAME" --policy "$policy" \
        --output none; then
        echo "$CERTIFICATE_NAME made"
        exit 0
    fi
    # A certificate that was deleted with the vault's contents still holds the name.
    az keyvault certificate recover --vault-name "$VAULT_NAME" --name "$CERTIFICATE_NAME" --output none 2>/dev/null ||
        true
    echo "try $try failed" >&2
    sleep "$((try * ${WAIT:-15}))"
done
exit 1
