// Package b2c holds the custom policies of Azure AD B2C. There is no Go in it but their tests.
package b2c

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// node is any XML element.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []node     `xml:",any"`
	Text     string     `xml:",chardata"`
}

func (n node) attr(name string) string {
	for _, attr := range n.Attrs {
		if attr.Name.Local == name {
			return attr.Value
		}
	}
	return ""
}

// walk calls f for the element and everything below it.
func (n node) walk(f func(node)) {
	f(n)
	for _, child := range n.Children {
		child.walk(f)
	}
}

// all lists the elements of a name, the element itself included.
func (n node) all(name string) (found []node) {
	n.walk(func(element node) {
		if element.XMLName.Local == name {
			found = append(found, element)
		}
	})
	return found
}

// policies reads the folder's policies by the names of their files.
func policies(t *testing.T) map[string]node {
	t.Helper()
	files, err := filepath.Glob("*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies here: %v", err)
	}
	found := map[string]node{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var policy node
		if err := xml.Unmarshal(text, &policy); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[strings.TrimSuffix(file, ".xml")] = policy
	}
	return found
}

// chain is a policy with its base, and that one's, and so on.
func chain(t *testing.T, all map[string]node, name string) (found []node) {
	t.Helper()
	for len(found) <= len(all) {
		policy, ok := all[name]
		if !ok {
			t.Fatalf("there is no policy %q", name)
		}
		found = append(found, policy)
		base := policy.all("BasePolicy")
		if len(base) == 0 {
			return found
		}
		name = base[0].all("PolicyId")[0].Text
	}
	t.Fatalf("the policy %s is its own base", name)
	return nil
}

func script(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("upload.sh")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAPolicyIsNamedLikeItsFileAndBelongsToTheTenant(t *testing.T) {
	const tenant = "@TENANT@.onmicrosoft.com"
	all := policies(t)
	for name, policy := range all {
		if policy.XMLName.Space != "http://schemas.microsoft.com/online/cpim/schemas/2013/06" ||
			policy.attr("PolicySchemaVersion") != "0.3.0.0" {
			t.Errorf("%s is of the schema %s %s", name, policy.XMLName.Space, policy.attr("PolicySchemaVersion"))
		}
		if policy.attr("PolicyId") != name || policy.attr("PublicPolicyUri") != "http://"+tenant+"/"+name ||
			policy.attr("TenantId") != tenant {
			t.Errorf("%s calls itself %s, %s of %s", name, policy.attr("PolicyId"), policy.attr("PublicPolicyUri"),
				policy.attr("TenantId"))
		}
		for _, base := range policy.all("BasePolicy") {
			if got := base.all("TenantId")[0].Text; got != tenant {
				t.Errorf("%s has a base in %s", name, got)
			}
		}
		if policies := chain(t, all, name); policies[len(policies)-1].attr("PolicyId") != "B2C_1A_MQTT_Base" {
			t.Errorf("%s does not stand on B2C_1A_MQTT_Base", name)
		}
	}
}

// The Azure CLI sends what is not ASCII in an encoding of its own choice.
func TestPoliciesAreASCII(t *testing.T) {
	for name := range policies(t) {
		text, err := os.ReadFile(name + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		if at := slices.IndexFunc(text, func(b byte) bool { return b > 126 }); at >= 0 {
			t.Errorf("%s has the byte %#x", name, text[at])
		}
	}
}

func TestTheUploadFillsInEveryPlaceholderAndNoOther(t *testing.T) {
	placeholder := regexp.MustCompile(`@[A-Z_]+@`)
	used := map[string]bool{}
	for name := range policies(t) {
		text, err := os.ReadFile(name + ".xml")
		if err != nil {
			t.Fatal(err)
		}
		// A comment may name them all.
		for _, found := range placeholder.FindAllString(regexp.MustCompile(`(?s)<!--.*?-->`).
			ReplaceAllString(string(text), ""), -1) {
			used[found] = true
		}
	}
	filled := map[string]bool{}
	for _, found := range regexp.MustCompile(`s/(@[A-Z_]+@)/`).FindAllStringSubmatch(script(t), -1) {
		filled[found[1]] = true
		if !used[found[1]] {
			t.Errorf("upload.sh fills in %s, which no policy has", found[1])
		}
	}
	for found := range used {
		if !filled[found] {
			t.Errorf("upload.sh does not fill in %s", found)
		}
	}
}

// reference is a place that names something else.
type reference struct{ kind, name string }

// references lists what an element names. An attribute that looks like a reference and is none of these is a fault of
// the test's.
func references(t *testing.T, n node) (found []reference) {
	t.Helper()
	element := n.XMLName.Local
	kinds := map[string]string{
		"ClaimTypeReferenceId": "ClaimType", "TechnicalProfileReferenceId": "TechnicalProfile",
		"CpimIssuerTechnicalProfileReferenceId": "TechnicalProfile",
		"ContentDefinitionReferenceId":          "ContentDefinition", "UserJourneyReferenceId": "UserJourney",
		"SubJourneyReferenceId":  "SubJourney",
		"TargetClaimsExchangeId": "ClaimsExchange", "ValidationClaimsExchangeId": "ClaimsExchange",
		"StorageReferenceId": "Key",
	}
	byElement := map[string]string{
		"ValidationTechnicalProfile": "TechnicalProfile", "IncludeTechnicalProfile": "TechnicalProfile",
		"UseTechnicalProfileForSessionManagement": "TechnicalProfile",
		"OutputClaimsTransformation":              "ClaimsTransformation",
		"InputClaimsTransformation":               "ClaimsTransformation",
		"DefaultUserJourney":                      "UserJourney",
	}
	byItem := map[string]string{
		"ContentDefinitionReferenceId": "ContentDefinition", "SignUpTarget": "ClaimsExchange",
		"setting.forgotPasswordLinkOverride":            "ClaimsExchange",
		"issuer_refresh_token_user_identity_claim_type": "ClaimType",
	}
	for _, attr := range n.Attrs {
		kind := kinds[attr.Name.Local]
		if attr.Name.Local == "ReferenceId" {
			kind = byElement[element]
		}
		if kind != "" {
			found = append(found, reference{kind, attr.Value})
		} else if strings.Contains(attr.Name.Local, "Reference") {
			t.Errorf("%s: nobody knows what %s=%q refers to", element, attr.Name.Local, attr.Value)
		}
	}
	if kind := byItem[n.attr("Key")]; element == "Item" && kind != "" {
		found = append(found, reference{kind, n.Text})
	}
	if element == "Precondition" {
		found = append(found, reference{"ClaimType", n.all("Value")[0].Text})
	}
	return found
}

// definitions lists what a chain of policies defines, with the keys that the upload makes.
func definitions(t *testing.T, policies []node) map[reference]int {
	t.Helper()
	found := map[reference]int{}
	for _, policy := range policies {
		policy.walk(func(n node) {
			switch kind := n.XMLName.Local; kind {
			case "ClaimType", "ClaimsTransformation", "TechnicalProfile", "ContentDefinition", "UserJourney",
				"SubJourney", "ClaimsExchange":
				found[reference{kind, n.attr("Id")}]++
			}
		})
	}
	for _, key := range regexp.MustCompile(`(?m)^key (\w+) (sig|enc)$`).FindAllStringSubmatch(script(t), -1) {
		found[reference{"Key", "B2C_1A_MQTT_" + key[1]}]++
	}
	return found
}

func TestEverythingThatAPolicyRefersToIsInItOrItsBase(t *testing.T) {
	all := policies(t)
	for name, policy := range all {
		defined, seen := definitions(t, chain(t, all, name)), 0
		policy.walk(func(n node) {
			for _, reference := range references(t, n) {
				if seen++; defined[reference] == 0 {
					t.Errorf("%s: %s refers to the %s %q, which is not defined", name, n.XMLName.Local, reference.kind, reference.name)
				}
			}
		})
		if seen < 4 {
			t.Errorf("%s has %d references", name, seen)
		}
	}
}

func TestNothingIsDefinedTwiceOrForNobody(t *testing.T) {
	all := policies(t)
	used := map[reference]bool{}
	var every []node
	for _, policy := range all {
		every = append(every, policy)
		policy.walk(func(n node) {
			for _, reference := range references(t, n) {
				used[reference] = true
			}
		})
	}
	// Known to the service by these names, and used unasked.
	for _, known := range []reference{{"ContentDefinition", "api.error"},
		{"TechnicalProfile", "TpEngine_c3bd4fe2-1775-4013-b91d-35f16d377d13"}, {"TechnicalProfile", "PolicyProfile"}} {
		used[known] = true
	}
	for definition, times := range definitions(t, every) {
		// An exchange belongs to its journey, a relying party's profile to its policy: several of them may have one name.
		if local := definition.kind == "ClaimsExchange" || definition.name == "PolicyProfile"; times > 1 && !local {
			t.Errorf("the %s %s is defined %d times", definition.kind, definition.name, times)
		}
		if !used[definition] && definition.kind != "ClaimsExchange" {
			t.Errorf("nobody uses the %s %s", definition.kind, definition.name)
		}
	}
}

func TestAnExchangeThatAStepOffersIsInTheSameJourney(t *testing.T) {
	for name, policy := range policies(t) {
		for _, journey := range policy.all("UserJourney") {
			for _, selection := range journey.all("ClaimsProviderSelection") {
				wanted := selection.attr("TargetClaimsExchangeId") + selection.attr("ValidationClaimsExchangeId")
				if !slices.ContainsFunc(journey.all("ClaimsExchange"), func(n node) bool { return n.attr("Id") == wanted }) {
					t.Errorf("%s: the journey %s offers %s and does not have it", name, journey.attr("Id"), wanted)
				}
			}
		}
	}
}

// A broker holds sub or preferred_username against the MQTT username: whoever could choose what is in them could be
// anybody.
func TestATokenNamesItsUserByObjectIDAndByAProvenName(t *testing.T) {
	all := policies(t)
	for name, want := range map[string]string{
		"B2C_1A_MQTT_SignUpOrSignIn": "signInNames.emailAddress", // proven by a code
		"B2C_1A_MQTT_Password":       "signInNames.userName",     // given by an administrator
	} {
		claims := map[string]string{}
		for _, claim := range all[name].all("OutputClaim") {
			claims[claim.attr("PartnerClaimType")] = claim.attr("ClaimTypeReferenceId")
		}
		if len(claims) != 2 || claims["sub"] != "objectId" || claims["preferred_username"] != want {
			t.Errorf("%s gives %v", name, claims)
		}
		if subject := all[name].all("SubjectNamingInfo"); len(subject) != 1 || subject[0].attr("ClaimType") != "sub" {
			t.Errorf("%s does not name its subject", name)
		}
	}
	base, pages := all["B2C_1A_MQTT_Base"], 0
	for _, profile := range base.all("TechnicalProfile") {
		if id := profile.attr("Id"); id == "Page-SignUp" || id == "Page-ProveEmail" {
			for _, claim := range profile.all("OutputClaim") {
				if claim.attr("ClaimTypeReferenceId") == "email" && claim.attr("PartnerClaimType") == "Verified.Email" {
					pages++
				}
			}
		}
	}
	if pages != 2 {
		t.Errorf("%d of 2 pages that take an email address have it proven", pages)
	}
}

// The stack config derives the issuer that brokers expect from the tenant alone.
func TestTheIssuerDoesNotNameThePolicy(t *testing.T) {
	base := policies(t)["B2C_1A_MQTT_Base"]
	patterns := slices.DeleteFunc(base.all("Item"), func(n node) bool { return n.attr("Key") != "IssuanceClaimPattern" })
	if len(patterns) != 1 || patterns[0].Text != "AuthorityAndTenantGuid" {
		t.Errorf("IssuanceClaimPattern is %v", patterns)
	}
}

func TestEveryJourneyThatEndsInATokenReadsTheAccountFirst(t *testing.T) {
	base := policies(t)["B2C_1A_MQTT_Base"]
	journeys := base.all("UserJourney")
	if len(journeys) != 3 {
		t.Fatalf("%d journeys", len(journeys))
	}
	for _, journey := range journeys {
		steps := journey.all("OrchestrationStep")
		if last := steps[len(steps)-1]; last.attr("Type") != "SendClaims" {
			t.Errorf("%s ends with %s", journey.attr("Id"), last.attr("Type"))
		}
		read := steps[len(steps)-2].all("ClaimsExchange")
		if len(read) != 1 || !strings.HasPrefix(read[0].attr("TechnicalProfileReferenceId"), "AAD-Read") ||
			len(steps[len(steps)-2].all("Precondition")) > 0 {
			t.Errorf("%s does not read the account before it gives a token", journey.attr("Id"))
		}
	}
}
