package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/pkg/v3/secrets"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
)

// Passphrase is what the secrets of every state are encrypted with. It protects nothing, and is nobody's: a state is
// of a rehearsal, with random passwords of things that do not exist. `pulumi stack import` takes an exported state
// with this as PULUMI_CONFIG_PASSPHRASE.
const Passphrase = "rehearsal"

// The passphrase's salt with what proves that somebody has the passphrase, in the form that Pulumi keeps them, and
// the key that Pulumi makes of the two by a million rounds of PBKDF2, which would take a fifth of a second each
// time.
const (
	salt = "v1:cmVoZWFyc2U=:v1:FN3suWKu5HRN2w8l:Y18hleIRhFF18HJsXMjg4e9QGFZZBA=="
	key  = "PBtMX4a1IZe9lsarReNL9lQfJdp/AU0dZVWBwTyVxGk="
)

// passphraseSecrets is Pulumi's secrets manager of this name, for the one passphrase.
type passphraseSecrets struct{ config.Crypter }

var sealed = func() passphraseSecrets {
	raw, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		panic(err) // the constant is above
	}
	return passphraseSecrets{config.NewSymmetricCrypter(raw)}
}()

func (passphraseSecrets) Type() string                  { return "passphrase" }
func (passphraseSecrets) State() json.RawMessage        { return json.RawMessage(`{"salt":"` + salt + `"}`) }
func (s passphraseSecrets) Encrypter() config.Encrypter { return s }
func (s passphraseSecrets) Decrypter() config.Decrypter { return s }

// OfType makes this the provider of the secrets manager of a state, too.
func (s passphraseSecrets) OfType(_ context.Context, kind string, _ json.RawMessage) (secrets.Manager, error) {
	if kind != s.Type() {
		return nil, fmt.Errorf("the state's secrets are encrypted by %s, and not by a rehearsal's passphrase", kind)
	}
	return s, nil
}
