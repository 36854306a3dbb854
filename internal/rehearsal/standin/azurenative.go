package standin

import (
	"context"
	"fmt"
	"slices"

	"github.com/blang/semver"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
)

// azureNative answers as the azure-native provider plugin does.
type azureNative struct {
	attached
	server *Server
}

// attached is what both plugins answer alike: they need no configuration and no engine to call back.
type attached struct {
	plugin.UnimplementedProvider
	version semver.Version // the one that the program's SDK asks for
}

func (*attached) Close() error                             { return nil }
func (*attached) Attach(string) error                      { return nil }
func (*attached) SignalCancellation(context.Context) error { return nil }

func (a *attached) GetPluginInfo(context.Context) (plugin.PluginInfo, error) {
	return plugin.PluginInfo{Version: &a.version}, nil
}

func (*attached) CheckConfig(_ context.Context, req plugin.CheckConfigRequest) (plugin.CheckConfigResponse, error) {
	return plugin.CheckConfigResponse{Properties: req.News}, nil
}

func (*attached) DiffConfig(context.Context, plugin.DiffConfigRequest) (plugin.DiffConfigResponse, error) {
	return plugin.DiffResult{Changes: plugin.DiffNone}, nil
}

// Check names what has no name, and reports what is wrong with the inputs whatever Azure holds.
func (p *azureNative) Check(_ context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	k, err := kindOf(string(req.Type))
	if err != nil {
		return plugin.CheckResponse{}, err
	}
	inputs := req.News.Copy()
	property := resource.PropertyKey(k.nameProperty())
	if !inputs.HasValue(property) {
		if inputs[property], err = k.autoname(req); err != nil {
			return plugin.CheckResponse{}, err
		}
	}
	var failures []plugin.CheckFailure
	for _, f := range k.faults(plainMap(inputs)) {
		failures = append(failures, plugin.CheckFailure{Property: resource.PropertyKey(f.property), Reason: f.reason})
	}
	return plugin.CheckResponse{Properties: inputs, Failures: failures}, nil
}

// autoname keeps the name that a resource has, or makes one.
func (k *kind) autoname(req plugin.CheckRequest) (resource.PropertyValue, error) {
	if old := req.Olds[resource.PropertyKey(k.nameProperty())]; old.IsString() {
		return old, nil
	}
	name := req.Name
	switch k.naming.auto {
	case autoGUID:
		name = guid(string(req.URN), string(req.RandomSeed))
	case autoRandom:
		var err error
		if name, err = resource.NewUniqueName(req.RandomSeed, req.Name, 8, 0, []rune("0123456789abcdef")); err != nil {
			return resource.PropertyValue{}, err
		}
	}
	return resource.NewStringProperty(name), nil
}

func (p *azureNative) Create(_ context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	k, err := kindOf(string(req.Type))
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	if req.Preview {
		return plugin.CreateResponse{Properties: p.preview(k, req.Properties, nil)}, nil
	}
	r := &Resource{Type: string(req.Type), ID: k.id(plainMap(req.Properties))}
	lost, err := p.server.mutate(req.URN, func() error { return p.server.world.put(k, r, req.Properties, true) })
	if err != nil {
		return plugin.CreateResponse{}, err
	}
	outputs := restoredMap(r.Outputs, resource.NewObjectProperty(req.Properties))
	if lost {
		return plugin.CreateResponse{}, lostAnswer(r.ID, req.Properties, outputs)
	}
	return plugin.CreateResponse{ID: resource.ID(r.ID), Properties: outputs, Status: resource.StatusOK}, nil
}

func (p *azureNative) Update(_ context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	k, err := kindOf(string(req.Type))
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	if req.Preview {
		return plugin.UpdateResponse{Properties: p.preview(k, req.NewInputs, req.OldOutputs)}, nil
	}
	r := &Resource{Type: string(req.Type), ID: string(req.ID)}
	lost, err := p.server.mutate(req.URN, func() error {
		if err := k.refuseChange(plainMap(req.OldInputs), plainMap(req.NewInputs)); err != nil {
			return err
		}
		return p.server.world.put(k, r, req.NewInputs, false)
	})
	if err != nil {
		return plugin.UpdateResponse{}, err
	}
	outputs := restoredMap(r.Outputs, resource.NewObjectProperty(req.NewInputs))
	if lost {
		return plugin.UpdateResponse{}, lostAnswer(r.ID, req.NewInputs, outputs)
	}
	return plugin.UpdateResponse{Properties: outputs, Status: resource.StatusOK}, nil
}

// Delete is quiet about what is gone already, as Azure is.
func (p *azureNative) Delete(_ context.Context, req plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	lost, err := p.server.mutate(req.URN, func() error { return p.server.world.remove(string(req.ID)) })
	if err == nil && lost {
		err = fmt.Errorf("deleting %s: %s", req.ID, connectionLost)
	}
	return plugin.DeleteResponse{Status: resource.StatusOK}, err
}

// Read gives back what the world holds, so that a refresh sees what was edited by hand; an empty answer for what is
// gone.
func (p *azureNative) Read(_ context.Context, req plugin.ReadRequest) (plugin.ReadResponse, error) {
	w := p.server.world
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.find(string(req.ID))
	if r == nil {
		return plugin.ReadResponse{}, nil
	}
	k, err := kindOf(r.Type)
	if err != nil {
		return plugin.ReadResponse{}, err
	}
	engine := resource.NewObjectProperty(req.Inputs)
	return plugin.ReadResponse{
		ReadResult: plugin.ReadResult{
			ID:      resource.ID(r.ID),
			Inputs:  restoredMap(k.echoing(w, r, r.Inputs), engine),
			Outputs: restoredMap(k.echoing(w, r, r.Outputs), engine),
		},
		Status: resource.StatusOK,
	}, nil
}

// preview gives the inputs back. What Azure computes is unknown for a resource that is not there, and stays as it is
// for one that is, except for what an update changes.
func (p *azureNative) preview(k *kind, inputs, old resource.PropertyMap) resource.PropertyMap {
	w := p.server.world
	w.mu.Lock()
	defer w.mu.Unlock()
	in := plainMap(inputs)
	r := &Resource{ID: k.id(in), Inputs: in}
	values, before := k.outputs(w, r), plainMap(old)
	merge(values, k.unknowns("", k.added(w, r), before))
	return restoredMap(values, resource.NewObjectProperty(inputs))
}

func (k *kind) unknowns(path string, added, before map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range added {
		object, isObject := value.(map[string]any)
		old, _ := before[key].(map[string]any)
		switch {
		case isObject:
			out[key] = k.unknowns(path+key+".", object, old)
		case before[key] != nil && !slices.Contains(k.volatile, path+key):
			out[key] = before[key]
		default:
			out[key] = unknown{}
		}
	}
	return out
}

const connectionLost = "the connection to the provider was lost before its answer arrived (on purpose)"

// lostAnswer is what the engine gets when the call did its work and its answer was lost. The azure-native provider does
// not create over an existing resource ("cannot create already existing resource"), so an engine that knew nothing of
// this one could never get past it. It gets a partial failure instead, as from the real provider when the wait for a
// started creation fails: the resource is in its state by id, with an error, and the next run updates it.
func lostAnswer(id string, inputs, outputs resource.PropertyMap) error {
	detail := &pulumirpc.ErrorResourceInitFailed{Id: id, Reasons: []string{connectionLost}}
	var err error
	options := plugin.MarshalOptions{KeepUnknowns: true, KeepSecrets: true, KeepResources: true}
	if detail.Inputs, err = plugin.MarshalProperties(inputs, options); err != nil {
		return err
	}
	if detail.Properties, err = plugin.MarshalProperties(outputs, options); err != nil {
		return err
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, connectionLost), detail)
}
