package pipelines

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files of protect.sh")

// settings plays the parts of GitHub, Azure and Azure DevOps that protect.sh asks and changes. What is at a path is
// what was sent there, in the form in which the service gives it back.
type settings struct {
	*httptest.Server
	at   map[string]object // by path
	sent []string
}

func newSettings(t *testing.T, at map[string]object) *settings {
	s := &settings{at: at}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		if r.Method == http.MethodGet {
			if err := json.NewEncoder(w).Encode(s.get(path, r)); err != nil {
				t.Error(err)
			}
			return
		}
		var body object
		if r.Method != http.MethodDelete {
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		}
		text, err := json.MarshalIndent(body, "", "  ")
		if err != nil {
			t.Error(err)
		}
		s.sent = append(s.sent, fmt.Sprintf("%s %s\n%s\n", r.Method, path, text))
		s.put(r.Method, path, body)
		fmt.Fprintln(w, "{}")
	}))
	t.Cleanup(s.Close)
	return s
}

// below are the objects of a folder, in the order of their names.
func (s *settings) below(folder string) []object {
	all := []object{}
	for _, path := range slices.Sorted(maps.Keys(s.at)) {
		if name, is := strings.CutPrefix(path, folder+"/"); is && !strings.Contains(name, "/") {
			all = append(all, s.at[path])
		}
	}
	return all
}

const assignments = "/providers/Microsoft.Authorization/roleAssignments"

func (s *settings) get(path string, r *http.Request) any {
	switch {
	case s.at[path] != nil:
		return s.at[path]
	case strings.HasSuffix(path, "/rulesets"):
		return s.below(path)
	case strings.HasSuffix(path, "/environments") && strings.HasPrefix(path, "repos/"):
		return object{"environments": s.below(path)}
	case strings.HasSuffix(path, "/deployment-branch-policies"):
		return object{"branch_policies": s.below(path)}
	case strings.HasSuffix(path, assignments):
		held := []object{}
		for _, at := range slices.Sorted(maps.Keys(s.at)) {
			if strings.Contains(at, assignments) && strings.HasPrefix(at, strings.TrimSuffix(path, assignments)) &&
				strings.Contains(r.URL.Query().Get("$filter"), "'"+s.at[at]["properties"].(object)["principalId"].(string)+"'") {
				held = append(held, s.at[at])
			}
		}
		return object{"value": held}
	case strings.HasSuffix(path, "/checks/configurations"):
		checks := []object{}
		for _, check := range s.below(path) {
			if on := check["resource"].(object); on["type"] == r.URL.Query().Get("resourceType") &&
				on["id"] == r.URL.Query().Get("resourceId") {
				checks = append(checks, check)
			}
		}
		return object{"value": checks}
	case strings.HasPrefix(path, "repos/"):
		return object{}
	}
	return object{"value": s.below(path)}
}

func (s *settings) put(method, path string, body object) {
	name := filepath.Base(path)
	switch {
	case method == http.MethodDelete:
		delete(s.at, path)
		return
	case strings.Contains(path, "/rulesets"):
		body["source_type"] = "Repository"
	case strings.Contains(path, "/environments/") && method == http.MethodPut: // given back in another form
		body["name"] = name
		body["protection_rules"] = []any{object{"type": "branch_policy"}}
		if given := body["reviewers"].([]any); len(given) > 0 {
			reviewers := []any{}
			for _, reviewer := range given {
				r := reviewer.(object)
				reviewers = append(reviewers, object{"type": r["type"], "reviewer": object{"id": r["id"]}})
			}
			body["protection_rules"] = []any{object{"type": "required_reviewers", "reviewers": reviewers,
				"prevent_self_review": body["prevent_self_review"]}}
		}
		delete(body, "reviewers")
		delete(body, "prevent_self_review")
	case strings.Contains(path, assignments):
		scope, _, _ := strings.Cut(path, assignments)
		body["id"], body["properties"].(object)["scope"] = "/"+path, "/"+strings.TrimPrefix(scope, "/")
	case strings.Contains(path, "/userAssignedIdentities/") && !strings.Contains(path, "Credentials/"):
		body["properties"] = object{"principalId": "principal-of-" + name, "clientId": "client-of-" + name}
	}
	if method == http.MethodPost {
		for _, approver := range approversOf(body) {
			approver.(object)["displayName"] = "People"
		}
		id := float64(len(s.at) + 1)
		body["id"], path = id, fmt.Sprintf("%s/%04.0f", path, id)
		if strings.HasSuffix(filepath.Dir(path), "rulesets") {
			path = fmt.Sprintf("%s/%.0f", filepath.Dir(path), id)
		}
		s.at[path] = body
		return
	}
	if body["name"] == nil {
		body["name"] = name
	}
	s.at[path] = body
}

func approversOf(check object) []any {
	settings, _ := check["settings"].(object)
	approvers, _ := settings["approvers"].([]any)
	return approvers
}

// protect runs the script with stand-ins for gh and az, and gives back what it said and sent.
func (s *settings) protect(t *testing.T, args ...string) (code int, said string, sent []string) {
	t.Helper()
	s.sent = nil
	call := `method=GET file='' path=''
while [ $# -gt 0 ]; do
  case $1 in
  --method) method=$(echo "$2" | tr a-z A-Z) && shift ;;
  --input) file=$2 && shift ;;
  --body) file=${2#@} && shift ;;
  --url) path=$(echo "$2" | sed 's,https://[^/]*/*,,') && shift ;;
  --resource | --headers) shift ;;
  --*) ;;
  *) path=$1 ;;
  esac
  shift
done
curl -gfsS -X "$method" ${file:+--data-binary "@$file"} "$SETTINGS/$path"`
	owners := "# people\n*           @o/maintainers @ann\n/pipelines/ @o/maintainers\n"
	files := table{".github/CODEOWNERS": owners}
	for _, part := range []string{"github", "azure", "azure-devops"} {
		text, err := os.ReadFile("protect-" + part + ".sh")
		if err != nil {
			t.Fatal(err)
		}
		files["pipelines/protect-"+part+".sh"] = string(text)
	}
	p := newPlace(t, "protect.sh", table{"gh": "shift\n" + call, "az": "shift\n" + call}, files)
	code, said, _ = p.run(t, []string{"SETTINGS=" + s.URL, "GITHUB_REPOSITORY=o/r", "ARM_SUBSCRIPTION_ID=111",
		"STATE=/subscriptions/999/resourceGroups/state/providers/Microsoft.Storage/storageAccounts/states",
		"REVIEW_ROLES=redis-keys", "DRIFT_ROLES=redis-keys blob-keys", "ORGANIZATION=https://dev.azure.com/o", "PROJECT=p",
		"APPROVER=them"}, args...)
	return code, said, s.sent
}

// there is what protect.sh needs and does not make.
func there(part string) map[string]object {
	switch part {
	case "github":
		return map[string]object{
			"orgs/o/teams/maintainers": {"id": 77.0}, "users/ann": {"id": 5.0},
			"repos/o/r": {"visibility": "public"}, "repos/o/r/actions/secrets": {"secrets": []any{}},
			"repos/o/r/codeowners/errors": {"errors": []any{}},
		}
	case "azure":
		return map[string]object{
			"subscriptions/999/resourceGroups/state/providers/Microsoft.Storage/storageAccounts/states": {"location": "here"},
		}
	}
	all := map[string]object{}
	for i, name := range []string{"dev", "prod", "drift-dev", "drift-prod", "review-dev", "review-prod"} {
		all["o/p/_apis/serviceendpoint/endpoints/"+name] = object{"name": "amora-" + name, "id": "endpoint-" + name}
		all["o/p/_apis/distributedtask/variablegroups/"+name] = object{"name": "amora-" + name, "id": float64(10 + i),
			"variables": object{"PULUMI_CONFIG_PASSPHRASE": object{}}}
	}
	return all
}

// changed is a value with each leaf other than it was, but for those by which things are found.
func changed(value any) any {
	switch value := value.(type) {
	case object:
		all := object{}
		for key, inner := range value {
			all[key] = changed(inner)
			if slices.Contains([]string{"type", "principalId", "scope", "roleDefinitionId", "definitionRef"}, key) {
				all[key] = inner
			}
		}
		return all
	case []any:
		all := []any{}
		for _, inner := range value {
			all = append(all, changed(inner))
		}
		return all
	case string:
		return "other"
	case bool:
		return !value
	case float64:
		return value + 1
	}
	return object{"custom_branch_policies": true} // for none
}

// spoil changes everything that was set, and adds what protect.sh only complains of.
func (s *settings) spoil(part string) {
	for path, value := range s.at {
		if there(part)[path] != nil {
			continue
		}
		other := changed(value).(object)
		for _, key := range []string{"id", "name", "source_type", "resource"} {
			if value[key] != nil && (key != "name" || !strings.Contains(path, "policies/")) {
				other[key] = value[key]
			}
		}
		s.at[path] = other
	}
	const group = "subscriptions/999/resourceGroups/state/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
	switch part {
	case "github":
		s.at["repos/o/r/actions/secrets"] = object{"secrets": []any{object{"name": "SMOKE_PASSWORD"}}}
		s.at["repos/o/r/codeowners/errors"] = object{"errors": []any{object{"line": 2, "kind": "Unknown owner"}}}
	case "azure":
		s.at[group+"amora-review-dev/federatedIdentityCredentials/mine"] = object{"name": "mine", "properties": object{}}
		s.at["subscriptions/111"+assignments+"/x"] = object{"id": "x", "properties": object{"scope": "/subscriptions/111",
			"principalId": "principal-of-amora-drift-dev", "roleDefinitionId": "/subscriptions/111/roleDefinitions/Owner"}}
		for path := range s.at {
			if strings.HasPrefix(path, "subscriptions/999/") && strings.Contains(path, assignments) {
				delete(s.at, path)
			}
		}
	case "azure-devops":
		delete(s.at, "o/p/_apis/serviceendpoint/endpoints/drift-prod")
		s.at["o/p/_apis/distributedtask/variablegroups/review-dev"]["variables"] = object{"SMOKE_PASSWORD": object{}}
	}
}

func TestProtectSetsWhatIsMissingOnceAndItsCheckFindsEachDifference(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some thousand programs")
	}
	for name, args := range map[string][]string{
		"github": {"github"}, "azure": {"azure", "dev"}, "azure-devops": {"azure-devops"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSettings(t, there(name))
			code, said, first := s.protect(t, args...)
			if code != 0 {
				t.Fatalf("it ended with %d\n%s", code, said)
			}
			code, more, sent := s.protect(t, args...)
			quiet := regexp.MustCompile(`(?m)^gh variable set .*\n`).ReplaceAllString(more, "")
			if code != 0 || len(sent) > 0 || quiet != "" {
				t.Errorf("a second run ended with %d, sent\n%s\nand said\n%s", code, strings.Join(sent, "\n"), more)
			}
			bypass := map[string]any{}
			for path, at := range s.at { // which GitHub does not tell a token that only reads
				bypass[path] = at["bypass_actors"]
				delete(at, "bypass_actors")
			}
			checks := append([]string{"--check"}, args...)
			if code, said, sent := s.protect(t, checks...); code != 0 || said != "" || len(sent) > 0 {
				t.Errorf("a check ended with %d, sent %q and said\n%s", code, sent, said)
			}
			for path, actors := range bypass {
				if actors != nil {
					s.at[path]["bypass_actors"] = actors
				}
			}
			s.spoil(name)
			code, differences, sent := s.protect(t, checks...)
			if code != 1 || len(sent) > 0 {
				t.Errorf("a check of what is different ended with %d, and sent %q", code, sent)
			}
			golden(t, "testdata/protect-"+name+".txt", "# What is said when it is set\n\n"+said+
				"\n# What is sent\n\n"+strings.Join(first, "\n")+
				"\n# What a check says when everything is different\n\n"+differences)
		})
	}
}

func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	same(t, file, strings.Split(text, "\n"), strings.Split(string(want), "\n"))
}

func TestProtectTakesAwayABranchThatMayUseAnEnvironmentBesideMain(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some hundred programs")
	}
	at := there("github")
	const prod = "repos/o/r/environments/prod"
	at[prod] = object{"name": "prod", "deployment_branch_policy": object{"custom_branch_policies": true}}
	at[prod+"/deployment-branch-policies/9"] = object{"id": 9.0, "name": "fix/*", "type": "branch"}
	s := newSettings(t, at)
	code, said, sent := s.protect(t, "github")
	if code != 0 || !slices.Contains(sent, "DELETE "+prod+"/deployment-branch-policies/9\nnull\n") {
		t.Errorf("it ended with %d, sent %q and said\n%s", code, sent, said)
	}
}

// Whoever may assign a role that is not in the list may become Owner; a role that is missing there fails a deployment.
func TestADeployerMayAssignTheRolesThatTheProgramDoesAndNoOther(t *testing.T) {
	roles := regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	program, err := os.ReadFile(filepath.Join(root, "components", "roles.go"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("protect-azure.sh")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)\nassigned='(.*?)'`).FindSubmatch(text)
	if list == nil {
		t.Fatal("protect-azure.sh has no list of roles")
	}
	want := roles.FindAllString(string(program), -1)
	if got := roles.FindAllString(string(list[1]), -1); len(want) < 9 || !slices.Equal(got, want) {
		t.Errorf("it may assign\n%q\nand the program assigns\n%q", got, want)
	}
}

func TestADevSubscriptionThatHasTheIdentitiesOfProdIsComplainedOf(t *testing.T) {
	p := newPlace(t, "protect.sh", table{"az": "exit 3"}, table{"pipelines/protect-azure.sh": func() string {
		text, err := os.ReadFile("protect-azure.sh")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}()})
	_, said, _ := p.run(t, []string{"ARM_SUBSCRIPTION_ID=1", "STATE=/subscriptions/1/resourceGroups/g/providers/x/y/z"},
		"azure", "dev")
	if !strings.HasPrefix(said, "the state and the identities are in dev's subscription: ") {
		t.Errorf("it said\n%s", said)
	}
}

func TestProtectIsAskedForOnePart(t *testing.T) {
	for _, args := range [][]string{nil, {"--check"}, {"azure"}, {"azure", "test"}, {"github", "dev"},
		{"--chek", "github"}} {
		command := exec.Command("sh", append([]string{"protect.sh"}, args...)...)
		if said, err := command.CombinedOutput(); err == nil || !strings.HasPrefix(string(said), "usage: ") {
			t.Errorf("%q: %v\n%s", args, err, said)
		}
	}
}
