package b2c

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	tenantID = "775527ff-9a37-4307-8b3d-cc311f58d925"
	iefApp   = "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6"
	proxyApp = "a1b2c3d4-bcf2-44d5-8fb7-b8bbc0b29dc6"
)

// fakeAz keeps the key sets in files, as many as there are keys in the lines of one, and notes what it was asked to do.
const fakeAz = `#!/bin/sh
set -eu
here=$(dirname "$0")
case $1 in
account)
    cat "$here/tenant"
    exit
    ;;
esac
method= url= body= query= headers=
shift
while [ $# -gt 0 ]; do
    case $1 in
    --method) method=$2 && shift ;;
    --url) url=$2 && shift ;;
    --body) body=$2 && shift ;;
    --query) query=$2 && shift ;;
    --headers) headers=$2 && shift ;;
    --output) shift ;;
    --only-show-errors) ;;
    *) echo "unknown argument $1" >&2 && exit 2 ;;
    esac
    shift
done
case "$url" in *"$(cat "$here/refused")") echo "Forbidden" >&2 && exit 1 ;; esac
case "$method $url" in
"get https://graph.microsoft.com/beta/trustFramework/keySets")
    cd "$here/keysets"
    case $query in
    "value[].id") find . -type f | sed 's|^./||' ;;
    "value[?keys[0]].id") find . -type f -size +0 | sed 's|^./||' ;;
    *) exit 2 ;;
    esac
    ;;
"post https://graph.microsoft.com/beta/trustFramework/keySets")
    name=$(printf %s "$body" | sed -n 's/^{"id": "\(.*\)"}$/\1/p')
    [ ! -e "$here/keysets/B2C_1A_$name" ] && : >"$here/keysets/B2C_1A_$name"
    ;;
"post https://graph.microsoft.com/beta/trustFramework/keySets/"*/generateKey)
    name=${url#*/keySets/}
    name=${name%/generateKey}
    [ -e "$here/keysets/$name" ]
    echo "$body" >>"$here/keysets/$name"
    ;;
"put https://graph.microsoft.com/beta/trustFramework/policies/"*'/$value')
    [ "$headers" = Content-Type=application/xml ]
    name=${url#*/policies/}
    cp "${body#@}" "$here/policies/${name%/*}.xml"
    echo "${name%/*}" >>"$here/order"
    echo "<TrustFrameworkPolicy/>"
    ;;
*) echo "unexpected $method $url" >&2 && exit 2 ;;
esac
`

// cloud is a tenant as the fake az sees it.
func cloud(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"az": fakeAz, "tenant": tenantID + "\n", "refused": "nothing"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"keysets", "policies"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// upload runs the script from another folder than its own.
func upload(t *testing.T, cloud string, changes ...string) (string, error) {
	t.Helper()
	path, err := filepath.Abs("upload.sh")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", path)
	command.Dir = cloud
	command.Env = append(os.Environ(), "PATH="+cloud+":"+os.Getenv("PATH"), "TMPDIR="+cloud,
		"TENANT=contoso", "TENANT_ID="+tenantID, "IEF_APP_ID="+iefApp, "PROXY_APP_ID="+proxyApp)
	command.Env = append(command.Env, changes...)
	said, err := command.CombinedOutput()
	return string(said), err
}

func content(t *testing.T, cloud, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cloud, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAnUploadMakesTheKeysAndPutsTheBaseFirst(t *testing.T) {
	cloud := cloud(t)
	if said, err := upload(t, cloud); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for name, key := range map[string]string{"TokenSigning": `{"use": "sig", "kty": "RSA"}`,
		"TokenEncryption": `{"use": "enc", "kty": "RSA"}`} {
		if got := content(t, cloud, "keysets/B2C_1A_MQTT_"+name); got != key+"\n" {
			t.Errorf("%s holds %s", name, got)
		}
	}
	if got := content(t, cloud, "order"); got != "B2C_1A_MQTT_Base\nB2C_1A_MQTT_SignUpOrSignIn\nB2C_1A_MQTT_Password\n" {
		t.Errorf("the order was %s", got)
	}
	for name := range policies(t) {
		text := content(t, cloud, "policies/"+name+".xml")
		if !strings.Contains(text, `TenantId="contoso.onmicrosoft.com"`) || strings.Contains(text, `"@`) {
			t.Errorf("%s went up as %s", name, text)
		}
	}
	base := content(t, cloud, "policies/B2C_1A_MQTT_Base.xml")
	for _, want := range []string{
		`ClaimTypeReferenceId="client_id" DefaultValue="` + proxyApp + `"`,
		`PartnerClaimType="resource" DefaultValue="` + iefApp + `"`,
		`<Item Key="client_id">` + proxyApp + `</Item>`, `<Item Key="IdTokenAudience">` + iefApp + `</Item>`,
	} {
		if !strings.Contains(base, want) {
			t.Errorf("the base lacks %s", want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(cloud, "tmp.*")); err != nil || len(left) > 0 {
		t.Errorf("%v was left behind: %v", left, err)
	}
}

func TestASecondUploadMakesNoSecondKey(t *testing.T) {
	cloud := cloud(t)
	for range 2 {
		if said, err := upload(t, cloud); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	if got := content(t, cloud, "keysets/B2C_1A_MQTT_TokenSigning"); strings.Count(got, "\n") != 1 {
		t.Errorf("the keys are %s", got)
	}
	if got := content(t, cloud, "order"); strings.Count(got, "B2C_1A_MQTT_Base") != 2 {
		t.Errorf("the order was %s", got)
	}
}

func TestAKeySetThatWasLeftWithoutAKeyGetsOne(t *testing.T) {
	cloud := cloud(t)
	if err := os.WriteFile(filepath.Join(cloud, "keysets", "B2C_1A_MQTT_TokenSigning"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := upload(t, cloud); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if got := content(t, cloud, "keysets/B2C_1A_MQTT_TokenSigning"); strings.Count(got, "\n") != 1 {
		t.Errorf("the keys are %s", got)
	}
}

func TestAnUploadThatCannotGoOnSaysWhyAndStops(t *testing.T) {
	for name, c := range map[string]struct{ variable, tenant, refused, says string }{
		"no tenant":             {"TENANT=", "", "", "TENANT must be the name of the tenant"},
		"a domain for a tenant": {"TENANT=contoso.onmicrosoft.com", "", "", "TENANT must be the name of the tenant"},
		"a second line":         {"TENANT=contoso\nx", "", "", "TENANT must be the name of the tenant"},
		"what sed would take":   {"IEF_APP_ID=" + iefApp[:35] + "&", "", "", "IEF_APP_ID must be a GUID"},
		"no application":        {"PROXY_APP_ID=", "", "", "PROXY_APP_ID must be a GUID"},
		"another directory": {"", proxyApp, "", "az is logged in to the tenant " + proxyApp + ", not to " +
			tenantID},
		"key sets that are refused":  {"", "", "keySets", "the key sets can't be listed"},
		"a key that is refused":      {"", "", "generateKey", "the key of B2C_1A_MQTT_TokenSigning can't be made"},
		"a policy that is not taken": {"", "", "B2C_1A_MQTT_Base/$value", "the policy B2C_1A_MQTT_Base was not taken"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := cloud(t)
			for file, text := range map[string]string{"tenant": c.tenant, "refused": c.refused} {
				if text == "" {
					continue
				}
				if err := os.WriteFile(filepath.Join(cloud, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, err := upload(t, cloud, c.variable)
			if err == nil || !strings.Contains(said, "upload: "+c.says) {
				t.Errorf("%v: %s", err, said)
			}
			if _, err := os.Stat(filepath.Join(cloud, "order")); err == nil {
				t.Error("a policy was taken all the same")
			}
		})
	}
}
