#!/bin/sh
# Makes what brokers show to clients of what Key Vault gives: PEM, or PKCS#12 in base64 without a password, with its
# certificates in any order. OUT gets the private key, the certificate for it, and the chain from that one up, without
# the root, which a client has to have by itself. What no client would accept leaves OUT alone, and is named in a line.
# HOSTS are the names that clients use.
set -eu
work="$OUT.work"
umask 077
rm -rf "$work"
mkdir "$work"
trap 'rm -rf "$work"' EXIT

# Alerts look for these words.
refuse() {
    echo "certificate refused: $1" >&2
    exit 1
}

if grep -q -e '-----BEGIN' "$IN"; then
    cp "$IN" "$work/all"
else
    base64 -d <"$IN" >"$work/p12" 2>/dev/null || refuse "neither PEM nor PKCS#12 in base64"
    # What was encrypted with RC2, as Windows does, is read by the legacy algorithms only.
    openssl pkcs12 -in "$work/p12" -passin pass: -nodes -out "$work/all" 2>/dev/null ||
        openssl pkcs12 -legacy -in "$work/p12" -passin pass: -nodes -out "$work/all" 2>/dev/null ||
        refuse "neither PEM nor PKCS#12 without a password"
fi

# Each certificate and each key in a file of its own, without the text between them.
tr -d '\r' <"$work/all" | awk -v work="$work" '
    /^-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/ { file = work "/cert" ++certs }
    /^-----BEGIN .*PRIVATE KEY-----/ { file = work "/key" ++keys }
    file { print > file }
    /^-----END / { if (file) close(file); file = "" }'
[ -e "$work/key1" ] || refuse "no private key in it; is its key exportable?"
[ ! -e "$work/key2" ] || refuse "more than one private key in it"
[ -e "$work/cert1" ] || refuse "no certificate in it"
openssl pkey -in "$work/key1" -passin pass: -out "$work/key" 2>/dev/null ||
    refuse "its private key is encrypted, or not one at all"
public=$(openssl pkey -in "$work/key" -pubout)

now=$(date -u '+%Y-%m-%d %H:%M:%SZ')
# later A B says whether A, a time as above, is after B.
later() { expr "X$1" \> "X$2" >/dev/null; }

# look FILE finds out about a certificate, and puts it into FILE.pem in its usual form.
look() {
    openssl x509 -in "$1" -out "$1.look" \
        -subject_hash -issuer_hash -startdate -enddate -dateopt iso_8601 -pubkey 2>/dev/null ||
        refuse "a certificate in it can't be read"
    { read -r subject && read -r issuer && read -r from && read -r until; } <"$1.look"
    from="${from#*=}" until="${until#*=}"
    sed -n '/-----BEGIN PUBLIC KEY-----/,/-----END PUBLIC KEY-----/p' "$1.look" >"$1.public"
    sed -n '/-----BEGIN CERTIFICATE-----/,$p' "$1.look" >"$1.pem"
}
named() { openssl x509 -in "$1" -noout -subject; }

# The certificate of the key: of several, as after a renewal with the same key, the one that lasts longest.
leaf="" best=""
for file in "$work"/cert*[0-9]; do
    look "$file"
    if [ "$(cat "$file.public")" = "$public" ] && { [ -z "$leaf" ] || later "$until" "$best"; }; then
        leaf="$file" best="$until" begins="$from" above="$issuer" self=""
        [ "$subject" != "$issuer" ] || self=yes
    fi
    printf '%s %s %s\n' "$subject" "$issuer" "$until" >"$file.names"
done
[ -n "$leaf" ] || refuse "no certificate in it is for its private key"
later "$best" "$now" || refuse "expired at $best: $(named "$leaf")"
later "$begins" "$now" && refuse "not valid before $begins: $(named "$leaf")"
# Where no names stand in it, openssl takes the subject for one. Clients don't.
for host in ${HOSTS:-}; do
    if ! openssl x509 -in "$leaf" -noout -ext subjectAltName 2>/dev/null | grep -q DNS: ||
        ! openssl x509 -in "$leaf" -noout -checkhost "$host" | grep -q 'does match'; then
        refuse "not for the name $host: $(named "$leaf")"
    fi
done

# The chain, from the certificate up: whoever signed the last one is next, until that is a root, or is not in it.
# What is used up goes: names may lead in a circle.
cat "$work/key" "$leaf.pem" >"$work/out"
rm "$leaf"
last="$leaf.pem"
while [ -z "$self" ]; do
    next="" root="" gone=""
    for file in "$work"/cert*[0-9]; do
        [ -e "$file" ] || continue # none is left
        read -r subject issuer until <"$file.names"
        [ "$subject" = "$above" ] || continue
        # A name may stand for several keys.
        openssl verify -partial_chain -no_check_time -trusted "$file" "$last" >/dev/null 2>&1 || continue
        if [ "$subject" = "$issuer" ]; then
            root="$file"
        elif later "$until" "$now"; then
            next="$file" after="$issuer"
        else
            gone="$file"
        fi
    done
    [ -n "$next$root" ] || [ -z "$gone" ] || refuse "expired, a certificate of its chain: $(named "$gone")"
    [ -n "$next" ] || break
    cat "$next.pem" >>"$work/out"
    rm "$next"
    last="$next.pem" above="$after"
done

mv "$work/out" "$OUT"
echo "certificate: $(named "$OUT") until $best"
