package components

import (
	"fmt"

	dns "github.com/pulumi/pulumi-azure-native-sdk/network/v2/v20180501"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const endpointType = "amora:edge:Endpoint"

// EndpointArgs is what an Endpoint is made of.
type EndpointArgs struct {
	Zone            *Zone
	Record          string             // of MQTT clients, relative to the zone; "@" is the zone itself
	Address         pulumi.StringInput // public IPv4 address …
	TrafficManager  *TrafficManager    // … or what chooses one; nil: Address
	WebSocketRecord string             // of WebSocket clients
	WebSocketHost   pulumi.StringInput // host name that serves them
	After           []pulumi.Resource  // what has to be there before a name moves, beyond what the values wait for
}

// Endpoint is the two names under which clients reach the broker. They move last when the broker is switched.
type Endpoint struct {
	pulumi.ResourceState

	AddressRecordID   pulumi.IDOutput `pulumi:"addressRecordId"`   // known once MQTT clients are led to the broker
	WebSocketRecordID pulumi.IDOutput `pulumi:"webSocketRecordId"` // known once WebSocket clients are
}

// NewEndpoint registers the names.
func NewEndpoint(ctx *pulumi.Context, name string, args *EndpointArgs, opts ...pulumi.ResourceOption) (*Endpoint,
	error) {
	e := &Endpoint{}
	if err := ctx.RegisterComponentResourceV2(endpointType, name, pulumi.Map{"record": pulumi.String(args.Record)}, e,
		opts...); err != nil {
		return nil, err
	}
	parent, after := pulumi.Parent(e), pulumi.DependsOn(args.After)
	address, err := newRecord(ctx, name+"-address", args.Zone, args.Record, "A", func(r *dns.RecordSetArgs) {
		if args.TrafficManager != nil {
			// An alias, since the name may be the zone's own, which can't be a CNAME.
			r.TargetResource = &dns.SubResourceArgs{Id: args.TrafficManager.ID.ToStringPtrOutput()}
			return
		}
		r.ARecords = dns.ARecordArray{&dns.ARecordArgs{Ipv4Address: args.Address.ToStringOutput().ToStringPtrOutput()}}
	}, parent, after)
	if err != nil {
		return nil, err
	}
	webSocket, err := newRecord(ctx, name+"-websocket", args.Zone, args.WebSocketRecord, "CNAME",
		func(r *dns.RecordSetArgs) {
			r.CnameRecord = &dns.CnameRecordArgs{Cname: args.WebSocketHost.ToStringOutput().ToStringPtrOutput()}
			// Its host may be the other name, which has to lead to the new broker by then.
		}, parent, after, pulumi.DependsOn([]pulumi.Resource{address}),
		pulumi.Aliases([]pulumi.Alias{{URN: formerWebSocketRecord(ctx)}}))
	if err != nil {
		return nil, err
	}
	e.AddressRecordID, e.WebSocketRecordID = address.ID(), webSocket.ID()
	return e, ctx.RegisterResourceOutputs(e,
		pulumi.Map{"addressRecordId": e.AddressRecordID, "webSocketRecordId": e.WebSocketRecordID})
}

// formerWebSocketRecord is what earlier versions called the record of WebSocket clients: it belonged to Front Door.
func formerWebSocketRecord(ctx *pulumi.Context) pulumi.URN {
	return pulumi.URN(fmt.Sprintf("urn:pulumi:%s::%s::%s$azure-native:network:RecordSet::front-door-cname", ctx.Stack(),
		ctx.Project(), frontDoorType))
}
