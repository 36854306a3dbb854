package azurenative

import "testing"

func TestAKindHasNeitherProviderNorAPIVersion(t *testing.T) {
	for token, want := range map[string]string{
		"azure-native:network:Subnet":                              "network:Subnet",
		"azure-native:network/v20230201:Subnet":                    "network:Subnet",
		"azure-native:insights/v20210501preview:DiagnosticSetting": "insights:DiagnosticSetting",
		"random:index/randomString:RandomString":                   "",
		"amora:foundation:Network":                                 "",
	} {
		if got := Kind(token); got != want {
			t.Errorf("%s is %q, want %q", token, got, want)
		}
	}
}

func TestAnUnversionedTokenIsStillOne(t *testing.T) {
	for token, want := range map[string]string{
		"azure-native:network/v20230201:Subnet":  "azure-native:network:Subnet",
		"random:index/randomString:RandomString": "random:index/randomString:RandomString",
	} {
		if got := Unversioned(token); got != want {
			t.Errorf("%s is %q, want %q", token, got, want)
		}
	}
}
