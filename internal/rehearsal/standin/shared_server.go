package standin

import (
	"context"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// sharedServer lets any number of engine providers attach to one server. The SDK's server writes what it negotiated
// into itself, a data race when a default and an explicit provider attach side by side, so the answers are fixed here.
type sharedServer struct {
	pulumirpc.ResourceProviderServer
}

func (sharedServer) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (
	*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true}, nil
}

func (sharedServer) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, AcceptResources: true, AcceptOutputs: true,
		SupportsPreview: true}, nil
}
