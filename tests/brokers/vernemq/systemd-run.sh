#!/bin/bash
# What the machines' scripts need of systemd-run: another user, a folder for temporary files of its own, and nothing of
# the caller but standard input and output. It puts up no fence.
user=root
environment=()
while [ "${1#--}" != "$1" ]; do
    case "$1" in
    --uid=*) user="${1#*=}" ;;
    --setenv=*) environment+=("${1#*=}") ;;
    esac
    shift
done
# shellcheck disable=SC2016 # another shell's
exec unshare --mount env -i PATH="$PATH" user="$user" "${environment[@]}" bash -euc '
    mount -t tmpfs tmpfs /tmp
    exec setpriv --reuid "$user" --regid "$user" --init-groups "$@"' bash "$@" 8>&- 9>&-
