#!/bin/sh
# Registers, in the subscription that `az` is logged in to, the resource providers that a stack of any broker uses. A new
# subscription has none of them, and Azure refuses what is not registered (MissingSubscriptionRegistration). It needs the
# role Contributor, takes minutes the first time, and changes nothing later.
#
#     pipelines/register-providers.sh           registers them, and waits
#     pipelines/register-providers.sh --check   says which are not registered, and fails where there is one
set -eu
case "${1:-}" in
'' | --check) ;;
*)
    echo "usage: pipelines/register-providers.sh [--check]" >&2
    exit 2
    ;;
esac
status=0
for namespace in \
    Microsoft.App \
    Microsoft.AzureActiveDirectory \
    Microsoft.Cache \
    Microsoft.Cdn \
    Microsoft.Compute \
    Microsoft.ContainerInstance \
    Microsoft.ContainerRegistry \
    Microsoft.ContainerService \
    Microsoft.DBforPostgreSQL \
    Microsoft.Insights \
    Microsoft.KeyVault \
    Microsoft.KubernetesConfiguration \
    Microsoft.ManagedIdentity \
    Microsoft.Network \
    Microsoft.OperationalInsights \
    Microsoft.RecoveryServices \
    Microsoft.Storage; do
    state=$(az provider show --namespace "$namespace" --query registrationState --output tsv)
    [ "$state" = Registered ] && continue
    if [ "${1:-}" = --check ]; then
        echo "$namespace is not registered ($state)"
        status=1
    else
        echo "registering $namespace"
        az provider register --namespace "$namespace" --wait
    fi
done
exit "$status"
