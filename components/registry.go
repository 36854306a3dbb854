package components

import (
	"fmt"
	"slices"
	"strings"

	containerregistry "github.com/pulumi/pulumi-azure-native-sdk/containerregistry/v2/v20221201"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

const registryType = "amora:foundation:Registry"

// RegistryArgs is what a Registry is made of.
type RegistryArgs struct {
	Placement
	Name           pulumi.StringInput // 5 to 50 letters and digits, unique in all of Azure
	ScriptName     string             // name of the script that mirrors, and of its identity
	Images         []string           // public images to mirror, such as "docker.io/emqx/emqx:5.8.9"
	SubscriptionID pulumi.StringInput
}

// Registry is the container registry of a stack, with every image that the stack runs mirrored into it, so that a node
// restarts when a public registry is down, slow, or rate-limits.
type Registry struct {
	pulumi.ResourceState

	ID          pulumi.StringOutput `pulumi:"id"`
	LoginServer pulumi.StringOutput `pulumi:"loginServer"` // known once every image is there
}

// NewRegistry registers the registry (Standard, no admin user) and the script that mirrors the images.
func NewRegistry(ctx *pulumi.Context, name string, args *RegistryArgs, opts ...pulumi.ResourceOption) (*Registry,
	error) {
	r := &Registry{}
	if err := ctx.RegisterComponentResourceV2(registryType, name,
		pulumi.Map{"images": pulumi.ToStringArray(args.Images)}, r, opts...); err != nil {
		return nil, err
	}
	registry, err := containerregistry.NewRegistry(ctx, name+"-registry", &containerregistry.RegistryArgs{
		ResourceGroupName: args.ResourceGroup,
		RegistryName:      args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:          pulumi.String(args.Location),
		Sku:               &containerregistry.SkuArgs{Name: pulumi.String("Standard")},
		AdminUserEnabled:  pulumi.Bool(false),
		Tags:              args.tags(),
	}, pulumi.Parent(r))
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if err := newDiagnostics(ctx, name, args.Placement, registry.ID(), allLogs, pulumi.Parent(r)); err != nil {
		return nil, err
	}
	script, err := newScript(ctx, name, scriptArgs{
		Placement: args.Placement,
		name:      args.ScriptName,
		content:   assets.MirrorScript,
		variables: []variable{
			{"REGISTRY_NAME", registry.Name},
			{"IMAGES", pulumi.String(mirrorPairs(args.Images))},
		},
		role: roleRegistryImport, scope: registry.ID(), subscription: args.SubscriptionID,
	}, pulumi.Parent(r))
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	r.ID = registry.ID().ToStringOutput()
	r.LoginServer = pulumi.All(registry.LoginServer, script.ID()).
		ApplyT(func(v []any) string { return v[0].(string) }).(pulumi.StringOutput)
	return r, ctx.RegisterResourceOutputs(r, pulumi.Map{"id": r.ID, "loginServer": r.LoginServer})
}

// image is the mirrored copy of a public image.
func (r *Registry) image(source string) pulumi.StringOutput {
	return pulumi.Sprintf("%s/%s", r.LoginServer, mirrorTarget(source))
}

// mirrorTarget is the name of an image in the mirror: without the public registry's host. A digest becomes a part of
// the tag, so that an image that is pinned to another one is another image.
func mirrorTarget(source string) string {
	host, path, found := strings.Cut(source, "/")
	if !found || !strings.ContainsAny(host, ".:") {
		path = source
	}
	path, digest, pinned := strings.Cut(path, "@")
	if !pinned {
		return path
	}
	digest = strings.ReplaceAll(digest, ":", "-")
	if strings.Contains(path, ":") {
		return path + "-" + digest[:min(len(digest), len("sha256-")+12)]
	}
	return path + ":" + digest
}

// mirrorSource is the image to import: by its digest where there is one, since a registry looks at no tag beside it.
func mirrorSource(source string) string {
	path, digest, pinned := strings.Cut(source, "@")
	if !pinned {
		return source
	}
	if colon := strings.LastIndex(path, ":"); colon > strings.LastIndex(path, "/") {
		path = path[:colon]
	}
	return path + "@" + digest
}

func mirrorPairs(images []string) string {
	pairs := make([]string, 0, len(images))
	for _, source := range images {
		pairs = append(pairs, mirrorSource(source)+"="+mirrorTarget(source))
	}
	slices.Sort(pairs)
	return joinWords(slices.Compact(pairs))
}

func joinWords(words []string) string { return strings.Join(words, " ") }
