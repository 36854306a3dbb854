package sequences

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/engine"
	"github.com/amora-sync/mqtt-on-azure/internal/rehearsal/standin"
)

// byHand is somebody at work on the world past the engine, whom the stand-in refuses what Azure would refuse.
func byHand(world *standin.World, work func(pulumirpc.ResourceProviderClient) error) error {
	server, err := standin.Serve(world, standin.Faults{})
	if err != nil {
		return err
	}
	connection, err := engine.Dial(server.Plugins()["azure-native"])
	if err == nil {
		err = errors.Join(work(pulumirpc.NewResourceProviderClient(connection)), connection.Close())
	}
	return errors.Join(err, server.Close())
}

func urnByHand(token string) string {
	return string(resource.NewURN("dev", "by-hand", "", tokens.Type(token), "by-hand"))
}

// plant makes a resource by hand, and gives back its id.
func plant(world *standin.World, token string, inputs map[string]any) (id string, err error) {
	properties, err := plugin.MarshalProperties(resource.NewPropertyMapFromMap(inputs), plugin.MarshalOptions{})
	if err != nil {
		return "", err
	}
	err = byHand(world, func(azure pulumirpc.ResourceProviderClient) error {
		made, err := azure.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urnByHand(token), Type: token,
			Name: "by-hand", Properties: properties})
		id = made.GetId()
		return err
	})
	return id, err
}

// remove deletes a resource by hand.
func remove(world *standin.World, r standin.Resource) error {
	return byHand(world, func(azure pulumirpc.ResourceProviderClient) error {
		_, err := azure.Delete(context.Background(), &pulumirpc.DeleteRequest{Urn: urnByHand(r.Type), Type: r.Type, Id: r.ID})
		return err
	})
}

// plantData puts what only a person could give back into everything stateful that can hold something.
func plantData(world *standin.World) (ids []string, err error) {
	in := map[string]string{}
	for _, r := range world.Resources() {
		in[r.Type[strings.LastIndex(r.Type, ":")+1:]] = r.ID
	}
	name := func(kind string) string { return in[kind][strings.LastIndex(in[kind], "/")+1:] }
	group := name("ResourceGroup")
	for _, p := range []struct {
		token  string
		inputs map[string]any
	}{
		{"azure-native:dbforpostgresql/v20240801:Database",
			map[string]any{"serverName": name("Server"), "databaseName": "planted"}},
		{"azure-native:keyvault:Secret", map[string]any{"vaultName": name("Vault"), "secretName": "planted",
			"properties": map[string]any{"value": "v"}}},
		{"azure-native:network:RecordSet", map[string]any{
			"zoneName": name("Zone"), "recordType": "TXT", "relativeRecordSetName": "planted", "ttl": 60,
			"txtRecords": []any{map[string]any{"value": []any{"planted"}}},
		}},
	} {
		p.inputs["resourceGroupName"] = group
		id, err := plant(world, p.token, p.inputs)
		if err != nil {
			return nil, fmt.Errorf("plant %s: %w", p.token, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
