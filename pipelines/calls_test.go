package pipelines

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// place is a checkout with one script and the files that it reads, and programs that note how they were called in place
// of the real ones.
type place struct{ folder, script, log string }

func newPlace(t *testing.T, script string, programs, files map[string]string) place {
	t.Helper()
	folder, log := commands(t, programs)
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	p := place{folder, filepath.Join(folder, "pipelines", script), log}
	p.write(t, "pipelines/"+script, string(text))
	p.write(t, "pipelines/goflags", "-these -and=those\n")
	for name, text := range files {
		p.write(t, name, text)
	}
	return p
}

func (p place) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(p.folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// text is what a file has in the end; "" when there is none.
func (p place) text(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.folder, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

// run gives back the exit code, and all that was said and called.
func (p place) run(t *testing.T, env []string, args ...string) (code int, said, called string) {
	t.Helper()
	said, err := runs(t, append([]string{"PATH=" + p.folder + ":" + os.Getenv("PATH"), "HOME=" + p.folder}, env...),
		p.script, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return code, said, p.text(t, filepath.Base(p.log))
}

type table = map[string]string

func TestABuildThatTakesLongSaysHowFarItIsAndThenWhyItFailed(t *testing.T) {
	p := newPlace(t, "build.sh", table{
		"sleep": "/bin/sleep 0.001", // a second passes in no time
		"go": `here=$(dirname "$0")
			if [ "$1" = list ]; then printf 'a\nb/c\nd\n'; exit; fi
			until [ "$(grep -c ^sleep "$here/log")" -gt 60 ]; do /bin/sleep 0.01; done
			printf 'go: downloading d v1\nerrors\nb/c\n' >&2
			until [ "$(grep -c ^sleep "$here/log")" -gt 110 ]; do /bin/sleep 0.01; done
			printf '# d\nd/d.go:1:1: undefined: e\n' >&2
			exit 3`,
	}, nil)
	code, said, called := p.run(t, nil, "the-file", "./the-package")
	const message = "building: %d packages compiled after %d s. The first time it is all 3, in three to five minutes " +
		"on two cores, and the largest come last.\n"
	first, second := fmt.Sprintf(message, 0, 10), fmt.Sprintf(message, 2, 20)
	last := "go: downloading d v1\nerrors\nb/c\n# d\nd/d.go:1:1: undefined: e\n"
	if code != 3 || !strings.HasPrefix(said, first+second) || !strings.HasSuffix(said, last) {
		t.Errorf("it ended with %d:\n%s", code, said)
	}
	if call := "go build -v -ldflags=-s -w -o the-file ./the-package\n"; strings.Count(called, call) != 1 {
		t.Errorf("it was not called once: %s", call)
	}
}

func TestAScriptThatCantDoItsWorkSaysWhyAndCallsNothing(t *testing.T) {
	const usage = "usage: pipelines/azure.sh preview|up|drift STACK\n"
	pulumi, project := table{"pulumi": ""}, table{"Pulumi.yaml": "name: a\nruntime: python\n"}
	for _, c := range []struct {
		script          string
		args            []string
		env             []string
		programs, files table
		code            int
		says            string
	}{
		{"azure.sh", nil, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"up"}, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"up", ""}, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"up", "dev; id"}, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"up", "$(id)"}, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"up", "dev\nprod"}, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"up", "--yes"}, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"destroy", "dev"}, nil, pulumi, nil, 2, usage},
		{"azure.sh", []string{"", "dev"}, nil, pulumi, nil, 2, usage},
		{"program.sh", nil, nil, nil, nil, 2, "usage: pipelines/program.sh build|use\n"},
		{"program.sh", []string{"link"}, nil, nil, nil, 2, "usage: pipelines/program.sh build|use\n"},
		{"program.sh", []string{"use"}, nil, nil, project, 1, "program: no .rehearsal/bin/program; build it first\n"},
		{"program.sh", []string{"use"}, nil, table{".rehearsal/bin/program": ""}, project, 1,
			"program: Pulumi.yaml has no line 'runtime: go'\n"},
		{"release-notes.sh", nil, nil, nil, nil, 2, "usage: pipelines/release-notes.sh vMAJOR.MINOR.PATCH\n"},
		{"release-notes.sh", []string{"1.2.0"}, nil, nil, nil, 2,
			"usage: pipelines/release-notes.sh vMAJOR.MINOR.PATCH\n"},
		{"release-notes.sh", []string{"version"}, nil, nil, nil, 2,
			"usage: pipelines/release-notes.sh vMAJOR.MINOR.PATCH\n"},
		{"release-notes.sh", []string{"v1.2.0"}, nil, nil, table{"CHANGELOG.md": "## [1.2.1]\n\n- x\n"}, 1,
			"release: CHANGELOG.md has no section [1.2.0]\n"},
		{"install-pulumi.sh", nil, nil, table{"curl": ""}, table{"tools/pulumi/go.mod": "go 1.26\n"}, 1,
			"install-pulumi: tools/pulumi/go.mod pins no version\n"},
		{"comment-github.sh", []string{"review", "/no/such/file"}, nil, table{"curl": ""}, nil, 1,
			"comment: there is no /no/such/file\n"},
		{"comment-azure-devops.sh", []string{"review", "/no/such/file"}, nil, table{"curl": ""}, nil, 1,
			"comment: there is no /no/such/file\n"},
		{"smoke.sh", []string{"dev"}, []string{"SMOKE_USER="}, pulumi, nil, 0,
			"smoke: SMOKE_USER is not set; nothing is proven\n"},
		{"smoke.sh", []string{"dev"}, []string{"SMOKE_USER=$(SMOKE_USER)"}, pulumi, nil, 0,
			"smoke: SMOKE_USER is not set; nothing is proven\n"},
	} {
		p := newPlace(t, c.script, c.programs, c.files)
		code, said, called := p.run(t, c.env, c.args...)
		if code != c.code || said != c.says || called != "" {
			t.Errorf("%s %q: exit %d, want %d; it called %q and said\n%s", c.script, c.args, code, c.code, called, said)
		}
		if text := p.text(t, "Pulumi.yaml"); text != c.files["Pulumi.yaml"] {
			t.Errorf("%s %q: Pulumi.yaml has become\n%s", c.script, c.args, text)
		}
	}
}

func TestAnArgumentThatIsMissingBuildsNoRelease(t *testing.T) {
	p := newPlace(t, "build-release.sh", table{"go": ""}, table{"LICENSE": ""})
	if code, said, called := p.run(t, nil, "v1.2.3", "linux"); code == 0 || called != "" {
		t.Errorf("exit %d; it called %q and said\n%s", code, called, said)
	}
}

func TestEachScriptCallsWhatItIsForAndEndsAsThatDoes(t *testing.T) {
	const always = "--stack dev --non-interactive --color never --diff"
	// The archive has the folder pulumi with the programs, as Pulumi's has.
	curl := `while [ "$1" != -o ]; do shift; done; d=$(mktemp -d); mkdir "$d/pulumi"; echo CLI >"$d/pulumi/pulumi"; ` +
		`tar -C "$d" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0755 -cf - pulumi | ` +
		`gzip -n >"$2"; rm -r "$d"`
	const archive = "https://github.com/pulumi/pulumi/releases/download/v3.4.5/pulumi-v3.4.5-linux-"
	linters := table{"go": "", "shellcheck": "exit ${SHELLCHECK:-0}", ".rehearsal/bin/actionlint": "exit ${ACTIONLINT:-0}"}
	smoke := table{"pulumi": `[ "$1" = stack ] && echo x || echo key-vault`, ".rehearsal/bin/amora": "exit 3"}
	for _, c := range []struct {
		script          string
		args            []string
		env             []string
		programs, files table
		code            int
		called          string // in this order
		says            string // among other things
	}{
		{"azure.sh", []string{"preview", "dev"}, nil, table{"pulumi": "exit 3"}, nil, 3, "pulumi preview " + always +
			"\n", ""},
		{"azure.sh", []string{"up", "dev"}, nil, table{"pulumi": "exit 3"}, nil, 3, "pulumi up " + always + " --yes\n", ""},
		{"azure.sh", []string{"drift", "dev"}, nil, table{"pulumi": "exit 3"}, nil, 3,
			"pulumi refresh " + always + " --preview-only --expect-no-changes --exclude **AzureCliScript**\n", ""},
		{"azure.sh", []string{"up", "dev"}, []string{"idToken=t", "servicePrincipalId=p", "tenantId=n"}, table{
			"az":     "echo s",
			"pulumi": `echo "$ARM_USE_OIDC $ARM_OIDC_TOKEN $ARM_CLIENT_ID $ARM_TENANT_ID $ARM_SUBSCRIPTION_ID"`,
		}, nil, 0, "az account show --query id --output tsv\npulumi up " + always + " --yes\n", "true t p n s\n"},
		{"azure.sh", []string{"up", "dev"}, []string{"idToken=t", "servicePrincipalId=p", "tenantId=n"},
			table{"az": "exit 4", "pulumi": ""}, nil, 4,
			"az account show --query id --output tsv\n", ""},
		{"program.sh", []string{"build"}, nil, table{"go": `echo "with $GOFLAGS"; exit 5`}, nil, 5,
			"go build -ldflags -s -w -o .rehearsal/bin/program .\n", "with -these -and=those\n"},
		{"install-pulumi.sh", nil, nil, table{"curl": "", "uname": "echo x86_64"}, pinned("3.4.6", "x64", ""), 1,
			"uname -m\n",
			"install-pulumi: pipelines/pulumi.sha256 has no checksum of pulumi-v3.4.5-linux-x64.tar.gz\n"},
		{"install-pulumi.sh", nil, []string{"GITHUB_PATH="}, table{"curl": "exit 22", "uname": "echo x86_64"},
			pinned("3.4.5", "x64", ""), 22, "uname -m\ncurl -fsSL --retry 3 -o FILE " + archive + "x64.tar.gz\n", ""},
		{"install-pulumi.sh", nil, []string{"GITHUB_PATH="}, table{"curl": curl, "uname": "echo aarch64"},
			pinned("3.4.5", "arm64", archived(t, curl)), 0,
			"uname -m\ncurl -fsSL --retry 3 -o FILE " + archive + "arm64.tar.gz\n",
			"##vso[task.prependpath]HOME/.pulumi/bin\n"},
		{"install-pulumi.sh", nil, []string{"GITHUB_PATH="}, table{"curl": curl, "uname": "echo x86_64"},
			pinned("3.4.5", "x64", archived(t, "while [ \"$1\" != -o ]; do shift; done; echo other >\"$2\"")), 1,
			"uname -m\ncurl -fsSL --retry 3 -o FILE " + archive + "x64.tar.gz\n", "FAILED"},
		{"lint.sh", nil, nil, linters, table{"tools/actionlint/x": ""}, 0,
			"go build -o ../../.rehearsal/bin/actionlint github.com/rhysd/actionlint/cmd/actionlint\n" +
				"shellcheck pipelines/lint.sh\nactionlint\n", ""},
		{"lint.sh", nil, []string{"SHELLCHECK=1"}, linters, table{"tools/actionlint/x": ""}, 1,
			"go build -o ../../.rehearsal/bin/actionlint github.com/rhysd/actionlint/cmd/actionlint\n" +
				"shellcheck pipelines/lint.sh\n", ""},
		{"lint.sh", nil, []string{"ACTIONLINT=3"}, linters, table{"tools/actionlint/x": ""}, 3,
			"go build -o ../../.rehearsal/bin/actionlint github.com/rhysd/actionlint/cmd/actionlint\n" +
				"shellcheck pipelines/lint.sh\nactionlint\n", ""},
		{"review.sh", nil, nil, table{"git": "exit 1", "go": ""}, nil, 1,
			"git rev-parse --verify --quiet --end-of-options main^{commit}\n",
			"review: no such base: main\n"},
		{"smoke.sh", []string{"dev"}, []string{"SMOKE_USER=u"}, smoke, nil, 3,
			"pulumi stack output mqttEndpoint --stack dev\n" +
				"pulumi stack output websocketEndpoint --stack dev\npulumi config get --path tls.mode --stack dev\n" +
				"amora smoke --user u --endpoint x --endpoint x\n", ""},
		{"smoke.sh", []string{"dev"}, []string{"SMOKE_USER=u"}, table{"pulumi": "exit 6", ".rehearsal/bin/amora": ""},
			nil, 6,
			"pulumi stack output mqttEndpoint --stack dev\n", ""},
	} {
		p := newPlace(t, c.script, c.programs, c.files)
		code, said, called := p.run(t, c.env, c.args...)
		said, called = strings.ReplaceAll(said, p.folder, "HOME"), temporary.ReplaceAllString(called, "-o FILE ")
		if code != c.code || called != c.called || !strings.Contains(said, c.says) {
			t.Errorf("%s %q: exit %d, want %d; it called\n%swant\n%sand said\n%s", c.script, c.args, code, c.code,
				called, c.called, said)
		}
	}
}

var temporary = regexp.MustCompile(`-o /\S+ `)

// pinned are the files that say which CLI is installed: version 3.4.5, with the checksum of an archive.
func pinned(version, machine, sum string) table {
	if sum == "" {
		sum = strings.Repeat("0", 64)
	}
	return table{
		"tools/pulumi/go.mod":     "require github.com/pulumi/pulumi/pkg/v3 v3.4.5\n\nrequire (\n\tx v1.0.0\n)\n",
		"pipelines/pulumi.sha256": sum + "  pulumi-v" + version + "-linux-" + machine + ".tar.gz\n",
	}
}

// archived is the checksum of what a stand-in for curl downloads.
func archived(t *testing.T, curl string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "archive")
	if out, err := exec.Command("sh", "-c", curl, "curl", "-o", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

func TestOnGitHubPulumiIsOnThePathOfTheStepsToCome(t *testing.T) {
	curl := `while [ "$1" != -o ]; do shift; done; cp "$ARCHIVE" "$2"`
	archive := filepath.Join(t.TempDir(), "archive")
	out, err := exec.Command("sh", "-c", `cd "$1" && mkdir pulumi && echo CLI >pulumi/pulumi && tar -czf "$2" pulumi`,
		"sh", t.TempDir(), archive).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	files := pinned("3.4.5", "x64", fmt.Sprintf("%x", sha256.Sum256(data)))
	files["path"] = "before\n"
	p := newPlace(t, "install-pulumi.sh", table{"curl": curl, "uname": "echo x86_64"}, files)
	code, said, _ := p.run(t, []string{"GITHUB_PATH=" + filepath.Join(p.folder, "path"), "ARCHIVE=" + archive})
	if got, want := p.text(t, "path"), "before\n"+p.folder+"/.pulumi/bin\n"; code != 0 || got != want || said != "" {
		t.Errorf("exit %d, %q is on the path, want %q; it said\n%s", code, got, want, said)
	}
	if got := p.text(t, ".pulumi/bin/pulumi"); got != "CLI\n" {
		t.Errorf("the CLI is %q", got)
	}
}

func TestTheChecksumsAreThoseOfTheVersionThatIsPinned(t *testing.T) {
	mod, err := os.ReadFile("../tools/pulumi/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile("pulumi.sha256")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^require github.com/pulumi/pulumi/pkg/v3 (v\S+)$`).FindSubmatch(mod)
	if version == nil {
		t.Fatal("tools/pulumi/go.mod pins no version")
	}
	for _, machine := range []string{"arm64", "x64"} {
		line := `(?m)^[0-9a-f]{64}  pulumi-` + regexp.QuoteMeta(string(version[1])) + `-linux-` + machine + `\.tar\.gz$`
		if !regexp.MustCompile(line).Match(sums) {
			t.Errorf("pulumi.sha256 has no line %s", line)
		}
	}
}

func TestALinterThatIsMissingIsAnErrorInThePipelineAlone(t *testing.T) {
	for ci, want := range map[string]int{"true": 1, "": 0} {
		p := newPlace(t, "lint.sh", table{"go": "", ".rehearsal/bin/actionlint": ""}, table{"tools/actionlint/x": ""})
		dirname, err := exec.LookPath("dirname")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(dirname, filepath.Join(p.folder, "dirname")); err != nil {
			t.Fatal(err)
		}
		code, said, _ := p.run(t, []string{"PATH=" + p.folder, "CI=" + ci})
		if code != want || !strings.Contains(said, "lint: shellcheck is not installed") {
			t.Errorf("with CI=%s: exit %d\n%s", ci, code, said)
		}
	}
}

func TestAReviewBuildsBothSidesAndLeavesRoomInTheCommentForAzuresPreviews(t *testing.T) {
	git := `[ "$1" != rev-parse ] || echo 4711; [ "$1" != worktree ] || [ "$2" != add ] || mkdir -p "$6"`
	p := newPlace(t, "review.sh", table{"git": git, "go": `echo "in ${PWD##*/} with $GOFLAGS"`,
		".rehearsal/bin/amora": "exit 3"},
		table{".rehearsal/review/review.md": "of the change before"})
	code, said, called := p.run(t, nil, "HEAD^1")
	want := `git rev-parse --verify --quiet --end-of-options HEAD^1^{commit}
git worktree prune
git worktree add --quiet --detach --force .rehearsal/review/base 4711
go build -o .rehearsal/bin/amora ./cmd/amora
go build -o .rehearsal/bin/amora ./cmd/amora
amora review --base .rehearsal/review/base --out .rehearsal/review/review.md --limit 45000
`
	if code != 3 || called != want || !strings.Contains(said, "in base with -these -and=those\n") {
		t.Errorf("exit %d; it called\n%swant\n%sand said\n%s", code, called, want, said)
	}
	if left := p.text(t, ".rehearsal/review/review.md"); left != "" {
		t.Errorf("a review that fails leaves %q", left)
	}
}

func TestAPreviewsEndIsInTheCommentAsFarAsThereIsRoom(t *testing.T) {
	p := newPlace(t, "azure.sh", table{"pulumi": `printf '%09000d\nthe end\n' 0`}, nil)
	file := filepath.Join(p.folder, "azure.md")
	code, said, _ := p.run(t, nil, "preview", "dev", file)
	text := p.text(t, "azure.md")
	// Two of them beside a review of 45000 characters, in a comment that GitHub takes 65536 of.
	if code != 0 || len(said) != 9009 || !strings.Contains(text, "0\nthe end\n```") || strings.Count(text, "0") != 7991 {
		t.Errorf("exit %d; of %d characters, %d are in the comment", code, len(said), len(text))
	}
}

func TestAReleaseIsAnArchiveOfBothProgramsAndItsSum(t *testing.T) {
	build := `for last; do :; done; while [ "$1" != -o ]; do shift; done; echo "$last $GOOS $GOARCH $CGO_ENABLED ` +
		`$GOFLAGS" >"$2"`
	for system, suffix := range map[string]string{"linux": "", "windows": ".exe"} {
		p := newPlace(t, "build-release.sh", table{"go": build}, table{"LICENSE": "the licence"})
		name := "mqtt-on-azure_v1.2.3_" + system + "_arm64"
		if code, said, called := p.run(t, nil, "v1.2.3", system, "arm64"); code != 0 ||
			strings.Count(called, "go build -ldflags -s -w -o dist/"+name+"/") != 2 {
			t.Fatalf("exit %d; it called\n%sand said\n%s", code, called, said)
		}
		flags := " " + system + " arm64 0 -these -and=those\n"
		same(t, system, unpacked(t, filepath.Join(p.folder, "dist", name+".tar.gz")), table{
			name + "/amora" + suffix: "./cmd/amora" + flags, name + "/program" + suffix: "." + flags,
			name + "/LICENSE": "the licence",
		})
		sum := fmt.Sprintf("%x  %s.tar.gz\n", sha256.Sum256([]byte(p.text(t, "dist/"+name+".tar.gz"))), name)
		if got := p.text(t, "dist/"+name+".tar.gz.sha256"); got != sum {
			t.Errorf("%s: the sum is %q, want %q", system, got, sum)
		}
		if left, err := os.ReadDir(filepath.Join(p.folder, "dist")); err != nil || len(left) != 2 {
			t.Errorf("%s: dist has %v, %v", system, left, err)
		}
	}
}

// unpacked are the files of an archive.
func unpacked(t *testing.T, file string) table {
	t.Helper()
	packed, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	all := table{}
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			text, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			all[header.Name] = string(text)
		}
	}
}

func TestWhatIsNotRegisteredIsRegisteredAndTheCheckOnlySaysIt(t *testing.T) {
	const az = `case "$2 $4" in
"show Microsoft.App" | "show Microsoft.Cdn") echo NotRegistered ;;
show*) echo Registered ;;
esac`
	const register = "az provider register --namespace Microsoft."
	p := newPlace(t, "register-providers.sh", table{"az": az}, nil)
	for _, c := range []struct {
		args []string
		code int
		said string
	}{
		{[]string{"--chekc"}, 2, "usage: pipelines/register-providers.sh [--check]\n"},
		{[]string{"--check"}, 1,
			"Microsoft.App is not registered (NotRegistered)\nMicrosoft.Cdn is not registered (NotRegistered)\n"},
		{nil, 0, "registering Microsoft.App\nregistering Microsoft.Cdn\n"},
	} {
		code, said, called := p.run(t, nil, c.args...)
		registers := strings.Contains(called, register+"App --wait") && strings.Contains(called, register+"Cdn --wait")
		if code != c.code || said != c.said || registers != (c.args == nil) || strings.Count(called, "register ") > 2 {
			t.Errorf("%v ends with %d, says\n%sand calls\n%s", c.args, code, said, called)
		}
	}
}
