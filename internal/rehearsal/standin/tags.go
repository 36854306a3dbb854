package standin

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"unicode/utf8"
)

// The rules for tags are those of Microsoft, "Use tags to organize your Azure resources and management hierarchy".
const (
	maxTags      = 50
	maxTagsOfDNS = 15 // and of Front Door
	maxTagName   = 512
	maxTagValue  = 256
)

var (
	tagSigns        = regexp.MustCompile(`[<>%&\\?/]`)
	tagOfDNS        = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]*$`)
	tagOfTraffic    = regexp.MustCompile(`^[^0-9 #:][^ #:]*$`)
	tagOfFrontDoor  = regexp.MustCompile(`^[^#:]*$`)
	tagOfStorage    = regexp.MustCompile(`^.{1,128}$`)
	tagNamesOfKinds = map[string]*regexp.Regexp{
		"network:Zone": tagOfDNS, "network:PrivateZone": tagOfDNS, "network:VirtualNetworkLink": tagOfDNS,
		"network:Profile": tagOfTraffic, "cdn:Profile": tagOfFrontDoor, "cdn:AFDEndpoint": tagOfFrontDoor,
		"storage:StorageAccount": tagOfStorage,
	}
)

// checkTags says what Azure does not take of a resource's tags.
func (k *kind) checkTags(in props) []fault {
	tags, most, names := in.object("tags"), maxTags, tagNamesOfKinds[k.token]
	if names == tagOfDNS || names == tagOfFrontDoor {
		most = maxTagsOfDNS
	}
	var faults []fault
	if len(tags) > most {
		faults = append(faults, fault{"tags", fmt.Sprintf("there are %d tags, and %s takes %d", len(tags), k.arm, most)})
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		value, text := tags[name].(string)
		switch {
		case name == "" || tagSigns.MatchString(name) || utf8.RuneCountInString(name) > maxTagName ||
			names != nil && !names.MatchString(name):
			faults = append(faults, fault{"tags", fmt.Sprintf("%s takes no tag of the name %q", k.arm, name)})
		case text && utf8.RuneCountInString(value) > maxTagValue:
			faults = append(faults, fault{"tags", fmt.Sprintf("the value of %q has more than %d characters", name, maxTagValue)})
		}
	}
	return faults
}
