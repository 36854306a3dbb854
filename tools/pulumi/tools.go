//go:build tools

// Package pulumi pins the Pulumi CLI that the rehearsal builds where the user has none.
package pulumi

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
