package components

import (
	"github.com/pulumi/pulumi-azure-native-sdk/network/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const endpointType = "amora:edge:Endpoint"

// EndpointArgs is what an Endpoint is made of.
type EndpointArgs struct {
	Zone    *Zone
	Record  string             // relative to the zone; "@" is the zone itself
	Address pulumi.StringInput // public IPv4 address
}

// Endpoint is the name under which clients reach the broker. It moves last when the broker is switched.
type Endpoint struct{ pulumi.ResourceState }

// NewEndpoint registers the name.
func NewEndpoint(ctx *pulumi.Context, name string, args *EndpointArgs, opts ...pulumi.ResourceOption) (*Endpoint, error) {
	e := &Endpoint{}
	if err := ctx.RegisterComponentResourceV2(endpointType, name, pulumi.Map{"address": args.Address}, e, opts...); err != nil {
		return nil, err
	}
	if _, err := newRecord(ctx, name+"-address", args.Zone, args.Record, "A", func(r *network.RecordSetArgs) {
		r.ARecords = network.ARecordArray{&network.ARecordArgs{Ipv4Address: args.Address.ToStringOutput().ToStringPtrOutput()}}
	}, pulumi.Parent(e)); err != nil {
		return nil, err
	}
	return e, ctx.RegisterResourceOutputs(e, pulumi.Map{})
}
