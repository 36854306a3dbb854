package standin

import (
	"context"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
)

// Invoke answers the functions that the program calls.
func (p *azureNative) Invoke(_ context.Context, req plugin.InvokeRequest) (plugin.InvokeResponse, error) {
	args := props(plainMap(req.Args))
	var properties resource.PropertyMap
	var err error
	switch unversioned(string(req.Tok)) {
	case "azure-native:authorization:getClientConfig":
		properties = resource.NewPropertyMapFromMap(map[string]any{
			"subscriptionId": SubscriptionID, "tenantId": tenantID, "clientId": clientID, "objectId": objectID,
		})
	case "azure-native:cache:listRedisKeys":
		properties, err = p.keys("cache:Redis", args)
	case "azure-native:cache:listDatabaseKeys":
		properties, err = p.keys("cache:Database", args)
	default:
		err = fmt.Errorf("the rehearsal does not know the function %s: add it to Invoke in the package standin", req.Tok)
	}
	return plugin.InvokeResponse{Properties: properties}, err
}

// keys are the access keys of a cache; they follow from its id, so that they stay the same.
func (p *azureNative) keys(token string, args props) (resource.PropertyMap, error) {
	w := p.server.world
	w.mu.Lock()
	defer w.mu.Unlock()
	id := kinds["azure-native:"+token].id(args)
	cache := w.find(id)
	if cache == nil {
		return nil, notFound(id)
	}
	// Azure Managed Redis has keys only where they are asked for.
	if token == "cache:Database" && cache.in().str("accessKeysAuthentication") != "Enabled" {
		return nil, refusal("BadRequest", "Access keys authentication is disabled for the database '%s'.", cache.name())
	}
	key := func(which string) resource.PropertyValue {
		return resource.MakeSecret(resource.NewStringProperty(digest(cache.ID, which)[:44]))
	}
	return resource.PropertyMap{"primaryKey": key("primary"), "secondaryKey": key("secondary")}, nil
}
