// Package azurenative reads the type tokens of the azure-native provider. Below it is what the program uses of modules
// that the SDK lacks.
package azurenative

import (
	"regexp"
	"strings"
)

const provider = "azure-native:"

var apiVersion = regexp.MustCompile(`/v\d{8}(preview)?:`)

// Unversioned is a token without Azure's API version: azure-native:network:Subnet. SDK packages of several versions
// give one type several tokens, and states have those of former programs.
func Unversioned(token string) string { return apiVersion.ReplaceAllString(token, ":") }

// Kind is module and type of a token: network:Subnet. It is "" for what is not azure-native's.
func Kind(token string) string {
	kind, azures := strings.CutPrefix(Unversioned(token), provider)
	if !azures {
		return ""
	}
	return kind
}
