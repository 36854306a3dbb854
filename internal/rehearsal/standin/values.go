package standin

import (
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// unknown stands in plain values for what a preview does not know yet.
type unknown struct{}

// hidden stands in stored values for a secret.
const hidden = "[secret]"

// plain takes a property value out of its wrappers.
func plain(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return plain(v.SecretValue().Element)
	case v.IsComputed():
		return unknown{}
	case v.IsOutput():
		if !v.OutputValue().Known {
			return unknown{}
		}
		return plain(v.OutputValue().Element)
	case v.IsResourceReference():
		if id, known := v.ResourceReferenceValue().IDString(); known {
			return id
		}
		return unknown{}
	case v.IsObject():
		return plainMap(v.ObjectValue())
	case v.IsArray():
		list := make([]any, 0, len(v.ArrayValue()))
		for _, e := range v.ArrayValue() {
			list = append(list, plain(e))
		}
		return list
	case v.IsAsset():
		return v.AssetValue().Text
	case v.IsNull():
		return nil
	}
	return v.V
}

func plainMap(m resource.PropertyMap) map[string]any {
	out := make(map[string]any, len(m))
	for key, v := range m {
		if value := plain(v); value != nil {
			out[string(key)] = value
		}
	}
	return out
}

// storable is the plain form in which the world keeps inputs: no text that is marked secret, other than ARM ids.
func storable(v resource.PropertyValue, secret bool) any {
	switch {
	case v.IsSecret():
		return storable(v.SecretValue().Element, true)
	case v.IsObject():
		out := map[string]any{}
		for key, e := range v.ObjectValue() {
			if !e.IsNull() {
				out[string(key)] = storable(e, secret)
			}
		}
		return out
	case v.IsArray():
		list := make([]any, 0, len(v.ArrayValue()))
		for _, e := range v.ArrayValue() {
			list = append(list, storable(e, secret))
		}
		return list
	}
	value := plain(v)
	if text, isText := value.(string); isText && secret && !isARMID(text) {
		return hidden
	}
	return value
}

// restored gives a plain value the wrappers that the engine's own value has at the same place, and the engine's value
// where the world holds a secret. It is false for a secret that the engine does not know.
func restored(value any, engine resource.PropertyValue) (resource.PropertyValue, bool) {
	secret := engine.IsSecret()
	if secret {
		engine = engine.SecretValue().Element
	}
	var result resource.PropertyValue
	switch value := value.(type) {
	case unknown:
		result = resource.MakeComputed(resource.NewStringProperty(""))
	case string:
		result = resource.NewStringProperty(value)
		if engine.IsAsset() {
			result = assetOf(value, engine)
		}
		if value == hidden {
			if engine.IsNull() {
				return result, false
			}
			result = engine
		}
	case map[string]any:
		result = resource.NewObjectProperty(restoredMap(value, engine))
	case []any:
		list := []resource.PropertyValue{}
		for i, e := range value {
			if v, ok := restored(e, counterpart(e, i, engine)); ok {
				list = append(list, v)
			}
		}
		result = resource.NewArrayProperty(list)
	default:
		result = resource.NewPropertyValue(value)
	}
	if secret {
		result = resource.MakeSecret(result)
	}
	return result, true
}

// assetOf is a text as an asset: the engine's own where it is the same.
func assetOf(text string, engine resource.PropertyValue) resource.PropertyValue {
	if engine.AssetValue().Text == text {
		return engine
	}
	a, err := asset.FromText(text)
	if err != nil {
		panic(err) // hashing a text can't fail
	}
	return resource.NewAssetProperty(a)
}

func restoredMap(values map[string]any, engine resource.PropertyValue) resource.PropertyMap {
	out := resource.PropertyMap{}
	for key, e := range values {
		var at resource.PropertyValue
		if engine.IsObject() {
			at = engine.ObjectValue()[resource.PropertyKey(key)]
		}
		if v, ok := restored(e, at); ok {
			out[resource.PropertyKey(key)] = v
		}
	}
	return out
}

// counterpart is the element of the engine's list that goes with an element of the world's: the one of the same name,
// or else the one at the same index.
func counterpart(element any, index int, engine resource.PropertyValue) resource.PropertyValue {
	if !engine.IsArray() {
		return resource.PropertyValue{}
	}
	list := engine.ArrayValue()
	if named, ok := element.(map[string]any); ok && named["name"] != nil {
		for _, candidate := range list {
			if object, ok := plain(candidate).(map[string]any); ok && object["name"] == named["name"] {
				return candidate
			}
		}
		return resource.PropertyValue{}
	}
	if index < len(list) {
		return list[index]
	}
	return resource.PropertyValue{}
}

// props reads plain values by path, such as "network.delegatedSubnetResourceId". What is absent, unknown, or of another
// type reads as the zero value.
type props map[string]any

func (p props) at(path string) any {
	var value any = map[string]any(p)
	for key := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func (p props) has(path string) bool { return p.at(path) != nil }

func (p props) str(path string) string {
	s, _ := p.at(path).(string)
	return s
}

func (p props) num(path string) float64 {
	n, _ := p.at(path).(float64)
	return n
}

func (p props) flag(path string) bool {
	b, _ := p.at(path).(bool)
	return b
}

func (p props) object(path string) props {
	m, _ := p.at(path).(map[string]any)
	return m
}

func (p props) objects(path string) []props {
	list, _ := p.at(path).([]any)
	var objects []props
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			objects = append(objects, m)
		}
	}
	return objects
}

func (p props) texts(path string) []string {
	list, _ := p.at(path).([]any)
	var texts []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// armIDs lists every ARM id anywhere in a value, keys included, each once.
func armIDs(value any) []string {
	found := map[string]bool{}
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case string:
			if isARMID(value) {
				found[value] = true
			}
		case []any:
			for _, e := range value {
				walk(e)
			}
		case map[string]any:
			for key, e := range value {
				walk(key)
				walk(e)
			}
		}
	}
	walk(value)
	ids := make([]string, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func clone(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for key, v := range m {
		out[key] = cloneValue(v)
	}
	return out
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return clone(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = cloneValue(e)
		}
		return list
	}
	return v
}

// merge puts more over base, object by object.
func merge(base, more map[string]any) {
	for key, v := range more {
		over, isObject := v.(map[string]any)
		under, has := base[key].(map[string]any)
		if isObject && has {
			merge(under, over)
			continue
		}
		base[key] = v
	}
}

// change applies f to the values at a path, in which "[]" stands for every element of a list; f gives back the new
// value, or nil to remove it.
func change(value any, path string, f func(any) any) {
	key, rest, nested := strings.Cut(path, ".")
	name, isList := strings.CutSuffix(key, "[]")
	object, ok := value.(map[string]any)
	if !ok || object[name] == nil {
		return
	}
	if isList {
		list, _ := object[name].([]any)
		for _, e := range list {
			change(e, rest, f)
		}
		return
	}
	if nested {
		change(object[name], rest, f)
		return
	}
	if changed := f(object[name]); changed != nil {
		object[name] = changed
	} else {
		delete(object, name)
	}
}
