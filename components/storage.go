package components

import (
	"crypto/sha256"
	"fmt"
	"maps"
	pathpkg "path"
	"slices"

	"github.com/pulumi/pulumi-azure-native-sdk/storage/v2"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

const storageType = "amora:foundation:Storage"

// StorageArgs is what a Storage is made of.
type StorageArgs struct {
	Placement
	Name pulumi.StringInput // 3 to 24 lower-case letters and digits, unique in all of Azure
	Link *PrivateLink       // nil: it has an address that everybody reaches
	// with a Link: public IPv4 addresses or CIDR blocks that may write all the same: blobs are uploaded from where this
	// program runs
	DeployFrom []string

	// in which a blob or container that was overwritten or deleted can be had back; 1 to 365, 0: not at all
	RetentionDays int
}

// Storage is the storage account of a stack, Standard LRS. It holds what the stack's machines fetch; all of it can be
// made again.
type Storage struct {
	pulumi.ResourceState

	ID      pulumi.StringOutput `pulumi:"id"`
	Name    pulumi.StringOutput `pulumi:"name"`
	BlobURL pulumi.StringOutput `pulumi:"blobUrl"` // "https://NAME.blob.core.windows.net"
	group   pulumi.StringInput

	reachable []pulumi.Resource // what reads blobs from inside the network waits for these
}

// NewStorage registers the storage account.
func NewStorage(ctx *pulumi.Context, name string, args *StorageArgs, opts ...pulumi.ResourceOption) (*Storage, error) {
	s := &Storage{group: args.ResourceGroup}
	if err := ctx.RegisterComponentResourceV2(storageType, name, pulumi.Map{"location": pulumi.String(args.Location)},
		s, opts...); err != nil {
		return nil, err
	}
	account, err := storage.NewStorageAccount(ctx, name+"-account", &storage.StorageAccountArgs{
		ResourceGroupName:     args.ResourceGroup,
		AccountName:           args.Name.ToStringOutput().ToStringPtrOutput(),
		Location:              pulumi.String(args.Location),
		Kind:                  pulumi.String("StorageV2"),
		Sku:                   &storage.SkuArgs{Name: pulumi.String("Standard_LRS")},
		AccessTier:            storage.AccessTierHot,
		AllowBlobPublicAccess: pulumi.Bool(false),
		// Azure takes HTTPS only, by default.
		MinimumTlsVersion:            pulumi.String("TLS1_2"),
		DefaultToOAuthAuthentication: pulumi.Bool(true),
		// azure-native uploads blobs with the account's key; everything else reads by managed identity.
		AllowSharedKeyAccess:        pulumi.Bool(true),
		AllowCrossTenantReplication: pulumi.Bool(false),
		PublicNetworkAccess:         args.publicAccess(),
		NetworkRuleSet:              args.networkRules(),
		Tags:                        args.tags(),
	}, pulumi.Parent(s))
	if err != nil {
		return nil, fmt.Errorf("storage account: %w", err)
	}
	if args.Link != nil {
		names, err := newPrivateEndpoint(ctx, name, privateService{
			Placement: args.Placement, link: *args.Link, name: pulumi.Sprintf("%s-blob", args.Name), id: account.ID(),
			groupID: "blob", zone: "privatelink.blob.core.windows.net",
		}, pulumi.Parent(s))
		if err != nil {
			return nil, err
		}
		s.reachable = []pulumi.Resource{names}
	}
	if args.RetentionDays > 0 {
		if err := newRetention(ctx, name, args, account.Name, pulumi.Parent(s)); err != nil {
			return nil, err
		}
	}
	if err := newDiagnostics(ctx, name, args.Placement, pulumi.Sprintf("%s/blobServices/default", account.ID()),
		allLogs, pulumi.Parent(s)); err != nil {
		return nil, err
	}
	s.ID, s.Name = account.ID().ToStringOutput(), account.Name
	s.BlobURL = pulumi.Sprintf("https://%s.blob.core.windows.net", account.Name)
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{"id": s.ID, "name": s.Name, "blobUrl": s.BlobURL})
}

// newRetention keeps what is deleted or overwritten in the account. Azure keeps an old version of a blob until somebody
// deletes it, so that a rule does.
func newRetention(ctx *pulumi.Context, name string, args *StorageArgs, account pulumi.StringInput,
	parent pulumi.ResourceOption) error {
	kept := &storage.DeleteRetentionPolicyArgs{Enabled: pulumi.Bool(true), Days: pulumi.Int(args.RetentionDays)}
	service, err := storage.NewBlobServiceProperties(ctx, name+"-blobs", &storage.BlobServicePropertiesArgs{
		ResourceGroupName:              args.ResourceGroup,
		AccountName:                    account,
		BlobServicesName:               pulumi.String("default"),
		DeleteRetentionPolicy:          kept,
		ContainerDeleteRetentionPolicy: kept,
		IsVersioningEnabled:            pulumi.Bool(true),
	}, parent)
	if err != nil {
		return fmt.Errorf("retention of blobs: %w", err)
	}
	if _, err := storage.NewManagementPolicy(ctx, name+"-lifecycle", &storage.ManagementPolicyArgs{
		ResourceGroupName:    args.ResourceGroup,
		AccountName:          account,
		ManagementPolicyName: pulumi.String("default"),
		Policy: &storage.ManagementPolicySchemaArgs{
			Rules: storage.ManagementPolicyRuleArray{&storage.ManagementPolicyRuleArgs{
				Name: pulumi.String("old-versions"), Type: pulumi.String("Lifecycle"), Enabled: pulumi.Bool(true),
				Definition: &storage.ManagementPolicyDefinitionArgs{
					Filters: &storage.ManagementPolicyFilterArgs{BlobTypes: pulumi.ToStringArray([]string{"blockBlob"})},
					Actions: &storage.ManagementPolicyActionArgs{Version: &storage.ManagementPolicyVersionArgs{
						Delete: &storage.DateAfterCreationArgs{DaysAfterCreationGreaterThan: pulumi.Float64(args.RetentionDays)},
					}},
				},
			}}},
	}, parent, pulumi.DependsOn([]pulumi.Resource{service})); err != nil { // which needs versions
		return fmt.Errorf("lifecycle of blobs: %w", err)
	}
	return nil
}

// publicAccess is what the account lets in past its private endpoint, in Azure's word.
func (a *StorageArgs) publicAccess() pulumi.String {
	if len(a.DeployFrom) > 0 {
		return "Enabled" // for those whom networkRules lets in
	}
	return publicNetworkAccess(a.Link)
}

// networkRules lets nobody in past the private endpoint but those who deploy.
func (a *StorageArgs) networkRules() storage.NetworkRuleSetPtrInput {
	if a.Link == nil {
		return nil
	}
	rules := storage.IPRuleArray{}
	for _, address := range a.DeployFrom {
		rules = append(rules, &storage.IPRuleArgs{IPAddressOrRange: pulumi.String(address), Action: storage.ActionAllow})
	}
	return &storage.NetworkRuleSetArgs{DefaultAction: storage.DefaultActionDeny, Bypass: pulumi.String("None"),
		IpRules: rules}
}

// newFolder uploads files, by path, into a container whose name ends with a hash of them all. azure-native replaces a
// blob to change it, and a reader that looks in between would find it gone, or half of the files new. It gives back the
// container's name, and the blobs, which a reader waits for.
func (s *Storage) newFolder(ctx *pulumi.Context, name, prefix string, files map[string]pulumi.StringInput,
	parent pulumi.ResourceOption) (pulumi.StringOutput, []pulumi.Resource, error) {
	paths := slices.Sorted(maps.Keys(files))
	contents := make([]any, 0, len(paths))
	for _, path := range paths {
		contents = append(contents, files[path])
	}
	version := pulumi.All(contents...).
		ApplyT(func(contents []any) string { return prefix + "-" + contentHash(paths, contents) }).(pulumi.StringOutput)
	container, err := storage.NewBlobContainer(ctx, name, &storage.BlobContainerArgs{
		ResourceGroupName: s.group,
		AccountName:       s.Name,
		ContainerName:     version.ToStringPtrOutput(),
		PublicAccess:      storage.PublicAccessNone,
	}, parent)
	if err != nil {
		return pulumi.StringOutput{}, nil, fmt.Errorf("blob container: %w", err)
	}
	var blobs []pulumi.Resource
	for _, path := range paths {
		part := pathpkg.Dir(path)
		if part == "." {
			part = path
		}
		blob, err := storage.NewBlob(ctx, name+"-"+part, &storage.BlobArgs{
			ResourceGroupName: s.group,
			AccountName:       s.Name,
			ContainerName:     container.Name,
			BlobName:          pulumi.String(path),
			Type:              storage.BlobTypeBlock,
			ContentType:       pulumi.String("text/plain; charset=utf-8"),
			Source: files[path].ToStringOutput().ApplyT(func(text string) pulumi.AssetOrArchive {
				return pulumi.NewStringAsset(text)
			}).(pulumi.AssetOrArchiveOutput),
		}, parent, pulumi.DependsOn(s.reachable)) // who deploys from inside of the network goes that way as well
		if err != nil {
			return pulumi.StringOutput{}, nil, fmt.Errorf("blob %s: %w", path, err)
		}
		blobs = append(blobs, blob)
	}
	return version, blobs, nil
}

// contentHash is twelve hexadecimal digits that follow from paths and contents.
func contentHash(paths []string, contents []any) string {
	sum := sha256.New()
	for i, path := range paths {
		text := contents[i].(string)
		fmt.Fprintf(sum, "%d:%s%d:%s", len(path), path, len(text), text)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))[:12]
}
