#!/bin/sh
# Key Vault gives a certificate as secret in the form it was imported in: PEM, or PKCS#12 in base64 without a password.
set -eu
in="${IN:-/mnt/tls/certificate}"
out="${OUT:-/certs/tls.pem}"
umask 077
if grep -q -e '-----BEGIN' "$in"; then
    cp "$in" "$out"
else
    base64 -d <"$in" >"$out.p12"
    openssl pkcs12 -in "$out.p12" -passin pass: -nodes -out "$out"
    rm "$out.p12"
fi
# A proxy with half a certificate would start and refuse every client.
grep -q -e '-----BEGIN.*PRIVATE KEY-----' "$out" || { echo "certificate: no private key in it; is its key exportable?" >&2; exit 1; }
openssl x509 -in "$out" -noout -checkend 0 >/dev/null || { echo "certificate: none in it, or expired" >&2; exit 1; }
# The proxy runs as a user of its own.
chmod 0644 "$out"
echo "certificate: $(openssl x509 -in "$out" -noout -subject -enddate | tr '\n' ' ')"
