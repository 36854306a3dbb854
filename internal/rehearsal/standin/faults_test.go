package standin

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

func TestAFailedCallChangesNothingAndTheNextOneSucceeds(t *testing.T) {
	r := rehearse(t, Faults{FailAt: 2})
	r.upTo("network")
	if _, err := r.create(planned(t, "network")); err == nil || !strings.Contains(err.Error(), "InternalServerError") {
		t.Fatalf("got %v", err)
	}
	if len(r.world.Resources()) != 1 {
		t.Fatal("the failed call has changed the world")
	}
	r.mustCreate(planned(t, "network"))
	if calls := r.azure.server.Calls(); calls != 3 {
		t.Fatalf("%d calls", calls)
	}
}

func TestAThrottledCallIsRetriedAndSucceeds(t *testing.T) {
	r := rehearse(t, Faults{Throttle: 3})
	r.upTo("")
	calls, throttled := r.azure.server.Calls(), r.azure.server.Throttled()
	if calls != len(platform()) || throttled != calls/3 {
		t.Fatalf("%d calls, %d throttled", calls, throttled)
	}
}

func TestALostAnswerLeavesTheResourceInTheStateForTheNextRun(t *testing.T) {
	r := rehearse(t, Faults{DieAt: 2})
	r.upTo("network")
	network := planned(t, "network")
	_, err := r.create(network)
	failed := partialFailure(t, err)
	if failed.GetId() != networkID || r.world.find(networkID) == nil {
		t.Fatalf("the engine knows %q", failed.GetId())
	}
	outputs, err := plugin.UnmarshalProperties(failed.GetProperties(), plugin.MarshalOptions{KeepSecrets: true})
	if err != nil || outputs["name"].StringValue() != "vnet" {
		t.Fatalf("the outputs are %v (%v)", outputs, err)
	}
	// This is what the engine does about a resource that failed to initialize.
	if _, err := r.update(networkID, network, network); err != nil {
		t.Fatal(err)
	}
}

func TestALostAnswerToAnUpdateOrADeletionConvergesToo(t *testing.T) {
	r := rehearse(t, Faults{DieAt: 3})
	made := r.upTo("nsg")
	network := planned(t, "network").with("tags", m{"a": "b"})
	_, err := r.update(made["network"].ID, planned(t, "network"), network)
	if partialFailure(t, err); r.world.find(networkID).in().str("tags.a") != "b" {
		t.Fatal("the update did not happen")
	}

	r.azure.server.faults.DieAt = 4
	if err := r.delete(made["network"].ID); err == nil || !strings.Contains(err.Error(), "connection") {
		t.Fatalf("got %v", err)
	}
	if err := r.delete(made["network"].ID); err != nil {
		t.Fatalf("a second deletion: %v", err)
	}
}

func partialFailure(t *testing.T, err error) *pulumirpc.ErrorResourceInitFailed {
	t.Helper()
	rpcError, ok := rpcerror.FromError(err)
	if !ok {
		t.Fatalf("got %v, want an error of gRPC", err)
	}
	for _, detail := range rpcError.Details() {
		if failed, ok := detail.(*pulumirpc.ErrorResourceInitFailed); ok {
			return failed
		}
	}
	t.Fatalf("got %v, want a partial failure", err)
	return nil
}

func TestCallsInParallelAreCountedOnceEach(t *testing.T) {
	r := rehearse(t, Faults{Throttle: 2})
	r.upTo("network")
	var all sync.WaitGroup
	names := strings.Split("abcdefghij", "")
	for _, name := range names {
		all.Go(func() {
			p := identity("id-" + name)
			if _, err := r.azure.Create(t.Context(),
				plugin.CreateRequest{Type: "azure-native:managedidentity:UserAssignedIdentity",
					Properties: resource.NewPropertyMapFromMap(p.inputs)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if calls, made := r.azure.server.Calls(), len(r.world.Resources()); calls != 1+len(names) || made != 1+len(names) {
		t.Fatalf("%d calls made %d resources", calls, made)
	}
}

func TestBothPluginsAreServedToSeveralEnginesAtOnce(t *testing.T) {
	s, err := Serve(New(), Faults{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for name, port := range s.Plugins() {
		if name != "azure-native" && name != "random" {
			t.Errorf("serves %q", name)
		}
		for range 4 {
			all.Go(func() { attach(t, port) })
		}
	}
	all.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func attach(t *testing.T, port int) {
	conn, err := grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", port),
		grpc.WithTransportCredentials(insecure.NewCredentials()), rpcutil.GrpcChannelOptions())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	client := pulumirpc.NewResourceProviderClient(conn)
	_, attached := client.Attach(t.Context(), &pulumirpc.PluginAttach{Address: "127.0.0.1:1"})
	info, told := client.GetPluginInfo(t.Context(), &emptypb.Empty{})
	_, shaken := client.Handshake(t.Context(), &pulumirpc.ProviderHandshakeRequest{})
	configured, err := client.Configure(t.Context(), &pulumirpc.ConfigureRequest{})
	_, cancelled := client.Cancel(t.Context(), &emptypb.Empty{})
	for _, err := range []error{attached, told, shaken, err, cancelled} {
		if err != nil {
			t.Error(err)
		}
	}
	if info.GetVersion() == "" || !configured.GetSupportsPreview() {
		t.Errorf("got %v and %v", info, configured)
	}
}
