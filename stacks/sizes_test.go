package stacks

import (
	"slices"
	"strings"
	"testing"
)

func TestSizesOfDatabasesThatThereAreAreTakenAndOthersAreNot(t *testing.T) {
	for sku, tier := range map[string]string{
		"Standard_B1ms": burstableTier, "Standard_B2s": burstableTier, "Standard_B20ms": burstableTier,
		"Standard_D2s_v3": "GeneralPurpose", "Standard_D4ds_v5": "GeneralPurpose", "Standard_D96ads_v5": "GeneralPurpose",
		"Standard_E20ds_v4": "MemoryOptimized", "Standard_E96ds_v5": "MemoryOptimized", "Standard_D4ds_v6": "GeneralPurpose",
		"Standard_D3ds_v5": "", "Standard_D1_v2": "", "Standard_B1s": "", "Standard_B3ms": "", "Standard_D96s_v3": "",
		"Standard_D4s_v5": "", "Standard_E6ds_v5": "", "Standard_F4s_v2": "", "Standard_D4lds_v5": "", "Standard_D4ds_v": "",
		"standard_D4ds_v5": "", "Standard_D128ds_v5": "", "": "",
	} {
		if got := databaseTier(sku); got != tier {
			t.Errorf("%s is of the tier %q, not %q", sku, got, tier)
		}
	}
}

func TestSizesOfMachinesThatThereAreAreTakenAndOthersAreNot(t *testing.T) {
	for _, size := range []string{"Standard_D4s_v3", "Standard_D8as_v4", "Standard_D96as_v4", "Standard_D4ds_v4",
		"Standard_D96s_v5", "Standard_D4ads_v5", "Standard_E20s_v5", "Standard_E96bds_v5", "Standard_F4s", "Standard_F72s_v2",
		"Standard_F8as_v6", "Standard_D4s_v6"} {
		var f Faults
		if checkVMSize(&f, "x", size, 2); len(f) > 0 {
			t.Error(f)
		}
	}
	for _, size := range []string{"Standard_D5s_v3", "Standard_D96s_v3", "Standard_D4as_v3", "Standard_D4s_v2",
		"Standard_D20s_v5", "Standard_F96s_v2", "Standard_F4s_v3", "Standard_E24s_v5", "Standard_D4zs_v5"} {
		var f Faults
		if checkVMSize(&f, "x", size, 2); len(f) != 1 || !strings.Contains(f.Error(), "must be a size that Azure has") {
			t.Errorf("%s: %v", size, f)
		}
	}
}

func TestARegionWithoutContainerAppsIsForOtherBrokersOnly(t *testing.T) {
	for _, key := range []string{"location", "availability"} {
		value := "francesouth"
		if key == "availability" {
			value = `{"secondaryLocation":"francesouth"}`
		}
		_, err := Parse("dev", valid(map[string]string{key: value}))
		if err == nil || !strings.Contains(err.Error(), `"francesouth": must be a region that has Container Apps`) {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := Parse("dev", valid(map[string]string{key: value, "broker": HiveMQAKS})); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestARegionThatAzureOpensOnRequestIsSaid(t *testing.T) {
	said := Plan{Location: "westeurope", Secondary: &Plan{Location: "francesouth"}}.cautions()
	if len(said) != 1 || !strings.Contains(said[0], "francesouth") {
		t.Errorf("it says %q", said)
	}
	if said := (Plan{Location: "westeurope"}).cautions(); len(said) > 0 {
		t.Errorf("it says %q", said)
	}
	for _, region := range slices.Concat(onRequest, withoutContainerApps) {
		if _, known := regions[region]; !known {
			t.Errorf("%s is no region", region)
		}
	}
}
