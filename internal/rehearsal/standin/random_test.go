package standin

import (
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

func drawn(t *testing.T, token string, inputs m) plugin.CreateResponse {
	t.Helper()
	response, err := (&randomProvider{}).
		Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(token),
			Properties: resource.NewPropertyMapFromMap(inputs)})
	if err != nil {
		t.Fatal(err)
	}
	return response
}

func TestARandomPasswordIsSecretAndAsAskedFor(t *testing.T) {
	response := drawn(t, randomPassword, m{"length": 12, "minNumeric": 5, "minUpper": 5, "special": false})
	result := response.Properties["result"]
	text := plain(result).(string)
	count := func(set string) (n int) {
		for _, c := range text {
			if strings.ContainsRune(set, c) {
				n++
			}
		}
		return n
	}
	if !result.IsSecret() || response.ID != "none" || len(text) != 12 || count(digits) < 5 || count(upperLetters) < 5 ||
		count(specials) != 0 {
		t.Fatalf("got %q as %q", text, response.ID)
	}
}

func TestARandomStringDrawsFromItsAlphabetOnly(t *testing.T) {
	response := drawn(t, randomString, m{"length": 64, "upper": false, "lower": false, "number": false,
		"overrideSpecial": "-_"})
	text := response.Properties["result"].StringValue()
	if len(text) != 64 || strings.Trim(text, "-_") != "" || string(response.ID) != text {
		t.Fatalf("got %q", text)
	}
}

func TestEveryRandomValueIsAnother(t *testing.T) {
	for _, c := range []struct {
		token  string
		inputs m
		key    resource.PropertyKey
	}{{randomString, m{"length": 32}, "result"}, {randomID, m{"byteLength": 8}, "hex"}, {randomUUID, m{}, "result"}} {
		if first, second := drawn(t, c.token, c.inputs),
			drawn(t, c.token, c.inputs); plain(first.Properties[c.key]) == plain(second.Properties[c.key]) || first.ID == "" {
			t.Errorf("%s: %v twice", c.token, first.Properties)
		}
	}
}

func TestARandomValueIsUnknownInAPreview(t *testing.T) {
	for _, c := range []struct {
		token string
		key   resource.PropertyKey
	}{{randomPassword, "result"}, {randomID, "hex"}} {
		response, err := (&randomProvider{}).
			Create(t.Context(), plugin.CreateRequest{Type: tokens.Type(c.token), Properties: resource.PropertyMap{},
				Preview: true})
		if err != nil || !response.Properties[c.key].IsComputed() {
			t.Errorf("%s: %v (%v)", c.token, response.Properties, err)
		}
	}
}

func TestAnyChangeReplacesARandomValue(t *testing.T) {
	before := resource.NewPropertyMapFromMap(m{"length": 6, "keepers": m{"a": "b"}})
	for path, news := range map[string]m{"": {"length": 6, "keepers": m{"a": "b"}},
		"length": {"length": 7, "keepers": m{"a": "b"}}, "keepers": {"length": 6}} {
		d, err := (&randomProvider{}).
			Diff(t.Context(), plugin.DiffRequest{OldInputs: before, NewInputs: resource.NewPropertyMapFromMap(news)})
		if err != nil || (path == "") != (d.Changes == plugin.DiffNone) || path != "" &&
			!d.DetailedDiff[path].Kind.IsReplace() {
			t.Errorf("%q: %v (%v)", path, d, err)
		}
	}
}

func TestARandomValueThatCannotBeIsRefused(t *testing.T) {
	for _, c := range []struct {
		token  string
		inputs m
		right  bool
	}{
		{randomString, m{"length": 6}, true},
		{randomString, m{"length": unknownText}, true},
		{randomString, m{"length": 0}, false},
		{randomString, m{"length": 3, "minLower": 2, "minUpper": 2}, false},
		{randomString, m{"length": 3, "lower": false, "upper": false, "numeric": false, "special": false}, false},
		{randomID, m{"byteLength": 0}, false},
	} {
		response, err := (&randomProvider{}).
			Check(t.Context(), plugin.CheckRequest{Type: tokens.Type(c.token), News: resource.NewPropertyMapFromMap(c.inputs)})
		if err != nil || (len(response.Failures) == 0) != c.right {
			t.Errorf("%s %v: %v (%v)", c.token, c.inputs, response.Failures, err)
		}
	}
	if _, err := (&randomProvider{}).
		Check(t.Context(), plugin.CheckRequest{Type: "random:index/randomPet:RandomPet"}); err == nil {
		t.Error("a type that is not known passes")
	}
}
