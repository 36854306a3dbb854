// Package pipelines has the scripts that GitHub Actions and Azure DevOps share, and the tests of both.
package pipelines

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// runs runs a script, and gives back what it printed.
func runs(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	for _, program := range []string{"sh", "curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed", program)
			}
			t.Skipf("%s is not installed", program)
		}
	}
	command := exec.CommandContext(t.Context(), "sh", append([]string{name}, args...)...)
	command.Env = append(os.Environ(), env...)
	said, err := command.CombinedOutput()
	return string(said), err
}

// host plays GitHub or Azure DevOps: answers by "METHOD path?query", and what was sent with the last call that changes
// something.
type host struct {
	*httptest.Server
	answers map[string]any
	changed []string
	sent    map[string]any
}

func newHost(t *testing.T, answers map[string]any) *host {
	h := &host{answers: answers}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + r.URL.RequestURI()
		if r.Header.Get("Authorization") != "Bearer the-token" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		if r.Method != http.MethodGet {
			h.changed = append(h.changed, call)
			h.sent = nil
			if err := json.NewDecoder(r.Body).Decode(&h.sent); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
			return
		}
		answer, has := h.answers[call]
		if !has {
			http.Error(w, call, http.StatusNotFound)
			return
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// written makes a file with a text.
func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

const (
	pulls  = "GET /repos/o/r/pulls?state=open&head=someone%3afix%2f%24%28x%29"
	marker = "<!-- amora review -->"
)

type object = map[string]any

func TestTheCommentOnGitHubIsPostedOnceAndThenUpdated(t *testing.T) {
	open := []object{{"number": 6, "head": object{"sha": "old"}}, {"number": 7, "head": object{"sha": "abc"}}}
	others := make([]object, 100) // a page of them
	for i := range others {
		others[i] = object{"id": i, "user": object{"login": "someone"}, "body": marker + " I look like it"}
	}
	mine := []object{{"id": 900, "user": object{"login": "github-actions[bot]"}, "body": marker + "\nbefore"}}
	for name, c := range map[string]struct {
		pulls  any
		second []object // page of the comments
		want   string
	}{
		"first":      {open, nil, "POST /repos/o/r/issues/7/comments"},
		"again":      {open, mine, "PATCH /repos/o/r/issues/comments/900"},
		"superseded": {open[:1], mine, ""},
		"elsewhere":  {[]object{{"number": "7/8", "head": object{"sha": "abc"}}}, mine, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, map[string]any{
				pulls: c.pulls,
				"GET /repos/o/r/issues/7/comments?per_page=100&page=1": others,
				"GET /repos/o/r/issues/7/comments?per_page=100&page=2": append([]object{}, c.second...),
			})
			text := marker + "\n$(touch x) `id` \"quoted\"\n" + strings.Repeat("ä", 70000)
			said, err := runs(t, []string{
				"GITHUB_API_URL=" + h.URL, "GITHUB_REPOSITORY=o/r", "GITHUB_TOKEN=the-token", "HEAD_OWNER=someone",
				"HEAD_BRANCH=fix/$(x)", "HEAD_SHA=abc", "HEAD_REPOSITORY=o/r",
			}, "comment-github.sh", "review", written(t, "review.md", text), "/no/such/file")
			if strings.Contains(said, "comment: not a number: 7/8\n") != (name == "elsewhere") ||
				(err != nil) != (name == "elsewhere") || strings.Join(h.changed, ",") != c.want {
				t.Fatalf("it called %q, want %q: %v\n%s", h.changed, c.want, err, said)
			}
			if c.want == "" {
				return
			}
			body := h.sent["body"].(string)
			if !strings.HasPrefix(body, marker+"\n"+marker+"\n$(touch x) `id` \"quoted\"\n") || len([]rune(body)) != 65000 {
				t.Errorf("%d characters were sent: %.100s", len([]rune(body)), body)
			}
		})
	}
}

func TestACommentSaysWhenAForksCodeWroteItAndEachNameHasItsOwn(t *testing.T) {
	const fork = "_From a fork: its own code wrote what follows, and Azure was not asked._\n\n"
	for head, want := range map[string]string{
		"o/r": "<!-- amora preview -->\n<summary>pulumi preview of prod against Azure: went through</summary>\n",
		"someone/r": "<!-- amora preview -->\n" + fork +
			"<summary>pulumi preview of prod against Azure: went through</summary>\n",
	} {
		h := newHost(t, map[string]any{
			pulls: []object{{"number": 7, "head": object{"sha": "abc"}}},
			"GET /repos/o/r/issues/7/comments?per_page=100&page=1": []object{
				{"id": 900, "user": object{"login": "github-actions[bot]"}, "body": marker + "\nof the review"}},
		})
		said, err := runs(t, []string{
			"GITHUB_API_URL=" + h.URL, "GITHUB_REPOSITORY=o/r", "GITHUB_TOKEN=the-token", "HEAD_OWNER=someone",
			"HEAD_BRANCH=fix/$(x)", "HEAD_SHA=abc", "HEAD_REPOSITORY=" + head,
		}, "comment-github.sh", "preview", "/no/such/file", written(t, "azure-prod.md",
			"<summary>pulumi preview of prod against Azure: went through</summary>\n"))
		if err != nil || strings.Join(h.changed, ",") != "POST /repos/o/r/issues/7/comments" || h.sent["body"] != want {
			t.Errorf("%s: %v: it called %q with %q, want %q\n%s", head, err, h.changed, h.sent["body"], want, said)
		}
	}
}

func TestACommentIsNotPostedOnceMoreWhereTheHostDoesNotAnswer(t *testing.T) {
	h := newHost(t, nil) // it has nothing of what is asked for
	file := written(t, "review.md", "what changes\n")
	for command, env := range map[string][]string{
		"comment-github.sh review": {"GITHUB_API_URL=" + h.URL, "GITHUB_REPOSITORY=o/r", "GITHUB_TOKEN=the-token",
			"HEAD_OWNER=someone", "HEAD_BRANCH=b", "HEAD_SHA=abc", "HEAD_REPOSITORY=o/r"},
		"comment-azure-devops.sh review": {"SYSTEM_COLLECTIONURI=" + h.URL, "SYSTEM_TEAMPROJECTID=p", "BUILD_REPOSITORY_ID=r",
			"SYSTEM_PULLREQUEST_PULLREQUESTID=9",
			"SYSTEM_ACCESSTOKEN=the-token"},
	} {
		args := append(strings.Fields(command), file)
		if said, err := runs(t, env, args[0], args[1:]...); err == nil || len(h.changed) > 0 {
			t.Errorf("%s: %v, and it called %q\n%s", command, err, h.changed, said)
		}
	}
}

// commands makes a folder of programs that print what they were called with into a file, besides what they answer.
func commands(t *testing.T, programs map[string]string) (path, log string) {
	t.Helper()
	folder := t.TempDir()
	log = filepath.Join(folder, "log")
	for name, body := range programs {
		script := "#!/bin/sh\necho " + filepath.Base(name) + " \"$@\" >>" + log + "\n" + body + "\n"
		file := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(script), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return folder, log
}

func TestASelfSignedStackIsProvenWithItsOwnCertificate(t *testing.T) {
	script, err := os.ReadFile("smoke.sh")
	if err != nil {
		t.Fatal(err)
	}
	for mode, trusts := range map[string]bool{"": true, "self-signed": true, "key-vault": false} {
		t.Run(mode, func(t *testing.T) {
			checkout, log := commands(t, map[string]string{
				".rehearsal/bin/amora": `[ -z "${9:-}" ] || cat "$9"`,
				"pulumi": `case $* in "config get"*) [ -n "$MODE" ] && echo "$MODE" ;; *mqttEndpoint*) ` +
					`echo mqtts://h:8883 ;; *websocketEndpoint*) echo wss://h/mqtt ;; *vaultName*) echo the-vault ;; esac`,
				"az":                 `while [ "$1" != --file ]; do shift; done; echo PEM >"$2"`,
				"pipelines/smoke.sh": "",
			})
			file := filepath.Join(checkout, "pipelines", "smoke.sh")
			artifact := filepath.Join(checkout, ".rehearsal", "bin", "amora") // which may not be run
			if err := errors.Join(os.WriteFile(file, script, 0o755), os.Chmod(artifact, 0o644)); err != nil {
				t.Fatal(err)
			}
			said, err := runs(t, []string{"PATH=" + checkout + ":" + os.Getenv("PATH"), "MODE=" + mode,
				"SMOKE_USER=smoke"}, file, "dev")
			if err != nil || strings.Contains(said, "PEM") != trusts {
				t.Errorf("%v: %s", err, said)
			}
			called, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			want := "amora smoke --user smoke --endpoint mqtts://h:8883 --endpoint wss://h/mqtt"
			if !strings.Contains(string(called), want) ||
				strings.Contains(string(called), "--vault-name the-vault --name mqtt-tls") != trusts {
				t.Errorf("it called\n%s", called)
			}
		})
	}
}

func TestTheThreadOnAzureReposIsPostedOnceAndThenUpdated(t *testing.T) {
	thread := func(id int, deleted bool, text string) object {
		return object{"id": id, "isDeleted": deleted, "comments": []object{{"id": 1, "content": text}}}
	}
	others := []object{
		thread(1, false, "looks good"), thread(2, true, marker+"\ndeleted"), {"id": 3, "comments": []object{{"id": 1}}},
		thread(5, false, "> "+marker),
	}
	const threads = "/c/p/_apis/git/repositories/r/pullRequests/9/threads"
	for name, c := range map[string]struct {
		threads []object
		want    string
	}{
		"first": {others, "POST " + threads + "?api-version=7.1"},
		"again": {append(others, thread(4, false, marker+"\nbefore")), "PATCH " + threads + "/4/comments/1?api-version=7.1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, map[string]any{"GET " + threads + "?api-version=7.1": object{"value": c.threads}})
			said, err := runs(t, []string{
				"SYSTEM_COLLECTIONURI=" + h.URL + "/c/", "SYSTEM_TEAMPROJECTID=p", "BUILD_REPOSITORY_ID=r",
				"SYSTEM_PULLREQUEST_PULLREQUESTID=9",
				"SYSTEM_ACCESSTOKEN=the-token",
			}, "comment-azure-devops.sh", "review", written(t, "review.md", "what changes\n"), "/no/such/file",
				written(t, "azure-dev.md", "in Azure\n"))
			if err != nil || strings.Join(h.changed, ",") != c.want {
				t.Fatalf("it called %q, want %q: %v\n%s", h.changed, c.want, err, said)
			}
			want := object{"content": marker + "\nwhat changes\nin Azure\n"}
			if name == "first" { // closed: a policy may want every thread to be
				want["parentCommentId"], want["commentType"] = 0.0, 1.0
				want = object{"comments": []any{want}, "status": 4.0}
			}
			same(t, name, h.sent, want)
		})
	}
}

func TestAReleaseHasTheSectionOfItsVersionAndNeedsOne(t *testing.T) {
	log := "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [1.2.0] - 2026-12-01\n\n### Added\n\n- this\n\n" +
		"## [1.1.0]\n\n## [1.0.0]\n\n- first\n"
	env := []string{"CHANGELOG=" + written(t, "CHANGELOG.md", log)}
	said, err := runs(t, env, "release-notes.sh", "v1.2.0")
	if err != nil || strings.TrimSpace(said) != "### Added\n\n- this" {
		t.Errorf("%v: %q", err, said)
	}
	for _, version := range []string{"v1.1.0", "v1.2", "v2.0.0", "1.2.0", ""} {
		if said, err := runs(t, env, "release-notes.sh", version); err == nil {
			t.Errorf("%q has a section:\n%s", version, said)
		}
	}
}

func TestOnlyACommitOfMainIsReleased(t *testing.T) {
	script, err := filepath.Abs("on-main.sh")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		command := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=n", "-c", "user.email=e@x"},
			args...)...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet", "--initial-branch=main")
	git("commit", "--quiet", "--allow-empty", "-m", "reviewed")
	git("tag", "v1.0.0")
	git("commit", "--quiet", "--allow-empty", "-m", "reviewed too")
	git("update-ref", "refs/remotes/origin/main", "HEAD")
	git("checkout", "--quiet", "-b", "other")
	git("commit", "--quiet", "--allow-empty", "-m", "nobody has seen this")
	git("tag", "-a", "-m", "v9.9.9", "v9.9.9")
	for tag, says := range map[string]string{
		"main": "", "v1.0.0": "", "v9.9.9": "release: " + git("rev-parse", "v9.9.9^{commit}") + " is not on main\n",
	} {
		git("checkout", "--quiet", tag)
		command := exec.CommandContext(t.Context(), "sh", script)
		command.Dir = folder
		said, err := command.CombinedOutput()
		if string(said) != says || (err == nil) != (says == "") {
			t.Errorf("%s: %v: %s", tag, err, said)
		}
	}
}

func TestAFailedPreviewIsInTheCommentAndFailsAllTheSame(t *testing.T) {
	folder := t.TempDir()
	fake := "#!/bin/sh\necho \"$@\"\necho '```'\necho done\nexit ${FAKE_STATUS:-0}\n"
	if err := os.WriteFile(filepath.Join(folder, "pulumi"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	for status, word := range map[string]string{"0": "went through", "3": "failed"} {
		file := filepath.Join(folder, "azure.md")
		_, err := runs(t, []string{"PATH=" + folder + ":" + os.Getenv("PATH"), "FAKE_STATUS=" + status}, "azure.sh",
			"preview", "dev", file)
		if (err == nil) != (status == "0") {
			t.Errorf("pulumi ended with %s: %v", status, err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"<summary>pulumi preview of dev against Azure: " + word + "</summary>",
			"preview --stack dev --non-interactive", "\n'''\ndone\n```\n"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("ended with %s, it does not say %q:\n%s", status, want, text)
			}
		}
	}
}

func TestThePipelinesProjectNamesTheProgramThatWasBuilt(t *testing.T) {
	checkout := t.TempDir()
	for to, from := range map[string]string{"Pulumi.yaml": "../Pulumi.yaml", "pipelines/program.sh": "program.sh"} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(checkout, to)), 0o755),
				os.WriteFile(filepath.Join(checkout, to), data, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	script, program := filepath.Join(checkout, "pipelines", "program.sh"),
		filepath.Join(checkout, ".rehearsal", "bin", "program")
	if said, err := runs(t, nil, script, "use"); err == nil {
		t.Errorf("a program that is not there is used:\n%s", said)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(program), 0o755), os.WriteFile(program, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if said, err := runs(t, nil, script, "use"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	project, err := workspace.LoadProject(filepath.Join(checkout, "Pulumi.yaml")) // as pulumi reads it
	if err != nil {
		t.Fatal(err)
	}
	if project.Runtime.Name() != "go" || project.Runtime.Options()["binary"] != program {
		t.Errorf("it runs %s with %v", project.Runtime.Name(), project.Runtime.Options())
	}
	if info, err := os.Stat(program); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("the program can't be run: %v", err)
	}
}
