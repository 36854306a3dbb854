package standin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// randomProvider answers as the random provider plugin does. It has no memory: its values are kept in the engine's
// state.
type randomProvider struct{ attached }

const (
	randomPassword = "random:index/randomPassword:RandomPassword"
	randomString   = "random:index/randomString:RandomString"
	randomID       = "random:index/randomId:RandomId"
	randomUUID     = "random:index/randomUuid:RandomUuid"
)

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits       = "0123456789"
	specials     = "!@#$%&*()-_=+[]{}<>:?"
)

// Check refuses what no value can satisfy.
func (p *randomProvider) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	response := plugin.CheckResponse{Properties: req.News}
	in := props(plainMap(req.News))
	fail := func(property, reason string) {
		response.Failures = append(response.Failures, plugin.CheckFailure{Property: resource.PropertyKey(property),
			Reason: reason})
	}
	switch req.Type {
	case randomPassword, randomString:
		least := in.num("minLower") + in.num("minUpper") + in.num("minNumeric") + in.num("minSpecial")
		if _, isUnknown := in["length"].(unknown); !isUnknown && (in.num("length") < 1 || in.num("length") < least) {
			fail("length", fmt.Sprintf(
				"expected length to be at least (1), and at least the sum of all minimums (%v), got %v", least, in.num("length")))
		}
		if !draws(in, "lower") && !draws(in, "upper") && !draws(in, "numeric") && !draws(in, "special") {
			fail("lower", "at least one of lower, upper, numeric and special must be true")
		}
	case randomID:
		if in.num("byteLength") < 1 {
			fail("byteLength", fmt.Sprintf("expected byteLength to be at least (1), got %v", in.num("byteLength")))
		}
	case randomUUID:
	default:
		return response, fmt.Errorf(
			"the rehearsal does not know the resource type %s: add it to random.go in the package standin", req.Type)
	}
	return response, nil
}

// Diff replaces the value on any change.
func (p *randomProvider) Diff(_ context.Context, req plugin.DiffRequest) (plugin.DiffResponse, error) {
	before, after := plainMap(req.OldInputs), plainMap(req.NewInputs)
	result := plugin.DiffResult{Changes: plugin.DiffNone, DetailedDiff: map[string]plugin.PropertyDiff{}}
	for _, key := range slices.Sorted(maps.Keys(union(before, after))) {
		if !reflect.DeepEqual(before[key], after[key]) {
			result.Changes = plugin.DiffSome
			result.DetailedDiff[key] = plugin.PropertyDiff{Kind: plugin.DiffUpdateReplace, InputDiff: true}
		}
	}
	return result, nil
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func (p *randomProvider) Create(_ context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	in := props(plainMap(req.Properties))
	outputs := req.Properties.Copy()
	if req.Preview {
		for _, key := range randomOutputs(string(req.Type)) {
			outputs[key] = resource.MakeComputed(resource.NewStringProperty(""))
		}
		return plugin.CreateResponse{Properties: outputs}, nil
	}
	id, values, err := draw(string(req.Type), in)
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	maps.Copy(outputs, values)
	return plugin.CreateResponse{ID: resource.ID(id), Properties: outputs, Status: resource.StatusOK}, nil
}

func randomOutputs(token string) []resource.PropertyKey {
	if token == randomID {
		return []resource.PropertyKey{"hex", "dec", "b64Std", "b64Url"}
	}
	return []resource.PropertyKey{"result"}
}

// draw makes a value. The id of a password is "none", so that it is not printed.
func draw(token string, in props) (id string, values resource.PropertyMap, err error) {
	switch token {
	case randomPassword, randomString:
		text, err := drawText(in)
		if err != nil {
			return "", nil, err
		}
		result := resource.NewStringProperty(text)
		if token == randomString {
			return text, resource.PropertyMap{"result": result}, nil
		}
		return "none", resource.PropertyMap{"result": resource.MakeSecret(result)}, nil
	case randomUUID:
		id = guid(rand.Text())
		return id, resource.PropertyMap{"result": resource.NewStringProperty(id)}, nil
	}
	bytes := make([]byte, int(in.num("byteLength")))
	if _, err := rand.Read(bytes); err != nil {
		return "", nil, err
	}
	prefix, url := in.str("prefix"), base64.RawURLEncoding.EncodeToString(bytes)
	return url, resource.PropertyMap{
		"hex":    resource.NewStringProperty(prefix + hex.EncodeToString(bytes)),
		"dec":    resource.NewStringProperty(prefix + new(big.Int).SetBytes(bytes).String()),
		"b64Url": resource.NewStringProperty(prefix + url),
		"b64Std": resource.NewStringProperty(prefix + base64.StdEncoding.EncodeToString(bytes)),
	}, nil
}

func drawText(in props) (string, error) {
	special := specials
	if in.str("overrideSpecial") != "" {
		special = in.str("overrideSpecial")
	}
	alphabet, text := "", ""
	for _, class := range []struct {
		name, minimum, characters string
	}{{"lower", "minLower", lowerLetters}, {"upper", "minUpper", upperLetters}, {"numeric", "minNumeric", digits},
		{"special", "minSpecial", special}} {
		if !draws(in, class.name) {
			continue
		}
		alphabet += class.characters
		some, err := pick(class.characters, int(in.num(class.minimum)))
		if err != nil {
			return "", err
		}
		text += some
	}
	rest, err := pick(alphabet, int(in.num("length"))-len(text))
	if err != nil {
		return "", err
	}
	return shuffled(text + rest)
}

// draws tells whether a class of characters takes part: each does unless it is switched off ("number" is an old name of
// numeric).
func draws(in props, class string) bool {
	if class == "numeric" && in.has("number") {
		class = "number"
	}
	return !in.has(class) || in.flag(class)
}

func pick(alphabet string, n int) (string, error) {
	out := make([]byte, 0, max(n, 0))
	for range n {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			return "", err
		}
		out = append(out, alphabet[i.Int64()])
	}
	return string(out), nil
}

func shuffled(text string) (string, error) {
	out := []byte(text)
	for i := len(out) - 1; i > 0; i-- {
		j, err := rand.Int(rand.Reader, big.NewInt(int64(i+1)))
		if err != nil {
			return "", err
		}
		out[i], out[j.Int64()] = out[j.Int64()], out[i]
	}
	return string(out), nil
}

// Read keeps what the engine has: nobody else changes a random value.
func (p *randomProvider) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	return plugin.ReadResponse{ReadResult: plugin.ReadResult{ID: req.ID, Inputs: req.Inputs, Outputs: req.State},
		Status: resource.StatusOK}, nil
}

func (p *randomProvider) Delete(context.Context, plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	return plugin.DeleteResponse{Status: resource.StatusOK}, nil
}
