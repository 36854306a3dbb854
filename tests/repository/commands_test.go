// Package repository holds tests of the repository as a whole: what its packages import, what its modules need, its
// pages with their links and commands, and what is generated. Most need the whole program, which takes long to link: in
// one package that is done once.
package repository

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/amora-sync/mqtt-on-azure/stacks"
)

// asWritten is the command line as the pages call it.
const asWritten = ".rehearsal/bin/amora"

// amora builds the command line where `make amora` does, so that it is linked only when it has changed.
var amora = sync.OnceValues(func() (string, error) {
	build := exec.Command("pipelines/build.sh", asWritten, "./cmd/amora")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return filepath.Abs(filepath.Join(root, asWritten))
})

func built(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("with -short, amora is not built")
	}
	program, err := amora()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// kind is a command's entry, nil for none.
func (c command) kind() *entry {
	for i, e := range entries {
		if regexp.MustCompile(`^(?:` + e.pattern + `)(?:\s|$)`).MatchString(c.short()) {
			return &entries[i]
		}
	}
	return nil
}

// short is the command with amora for .rehearsal/bin/amora.
func (c command) short() string { return strings.Replace(c.text, asWritten, "amora", 1) }

func (c command) String() string { return fmt.Sprintf("%s:%d: %s", c.file, c.line, c.text) }

func TestEachCommandOfThePagesIsInTheListAndEachEntryIsForOne(t *testing.T) {
	used := map[*entry]bool{}
	for _, c := range documented(t) {
		kind := c.kind()
		if kind == nil {
			t.Errorf("%s\nis in no entry of list_test.go: say there how it is held to be true", c)
		}
		used[kind] = true
	}
	for i, e := range entries {
		if !used[&entries[i]] {
			t.Errorf("no page has a command %s any more", e.pattern)
		}
	}
}

func TestTheCommandsThatNeedNothingRun(t *testing.T) {
	program, ran := built(t), map[string]bool{}
	for _, c := range documented(t) {
		if kind := c.kind(); kind == nil || kind.how != runs || ran[c.short()] {
			continue
		}
		ran[c.short()] = true
		args := words(c.short())[1:]
		for i, arg := range args {
			if other, ok := substitutes[arg]; ok {
				args[i] = other
			}
		}
		run := exec.Command(program, args...)
		run.Dir = root
		if out, err := run.CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%s\nas %q: %v\n%s", c, args, err, out)
		}
	}
	if len(ran) < 4 {
		t.Errorf("only %d commands were run", len(ran))
	}
}

func TestTheTestsThatTheListNamesExist(t *testing.T) {
	var tests strings.Builder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, "_test.go") {
			text, err := os.ReadFile(path)
			tests.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.how == tested && !strings.Contains(tests.String(), "\nfunc "+e.by+"(t *testing.T) {") {
			t.Errorf("%s: there is no test %q", e.pattern, e.by)
		}
		if (e.how == azure || e.how == maker) && e.by == "" {
			t.Errorf("%s: the entry does not say why", e.pattern)
		}
	}
}

var flagRule = regexp.MustCompile(`(?:^|[\s\[])(--[a-z][a-z-]*|-[a-z])(?:[\s=\]]|$)`)

func TestAmoraHasEachCommandAndFlagOfThePages(t *testing.T) {
	program := built(t)
	holdToHelp(t, "amora", program)
	if _, err := helpOf("amora", program, []string{"rehearse", "repair"}); err == nil {
		t.Error("amora rehearse repair exists")
	}
}

func TestPulumiHasEachCommandAndFlagOfThePages(t *testing.T) {
	program, err := exec.LookPath(filepath.Join(root, ".rehearsal", "bin", "pulumi"))
	if err != nil {
		if program, err = exec.LookPath("pulumi"); err != nil {
			t.Skip("there is no pulumi, here or in the path")
		}
	}
	holdToHelp(t, "pulumi", program)
	if _, err := helpOf("pulumi", program, []string{"stack", "repair"}); err == nil {
		t.Error("pulumi stack repair exists")
	}
}

// holdToHelp looks for each command of the pages, and for its flags, in what the program says of itself.
func holdToHelp(t *testing.T, name, program string) {
	t.Helper()
	looked := 0
	for _, c := range documented(t) {
		if !strings.HasPrefix(c.short()+" ", name+" ") {
			continue
		}
		looked++
		help, err := helpOf(name, program, words(c.short())[1:])
		if err != nil {
			t.Errorf("%s: %v", c, err)
		}
		for _, flag := range flagRule.FindAllStringSubmatch(c.short(), -1) {
			if !regexp.MustCompile(`[ \n]` + flag[1] + `[ ,\n]`).MatchString(help) {
				t.Errorf("%s: its help has no flag %s", c, flag[1])
			}
		}
	}
	if looked < 20 {
		t.Errorf("only %d commands were looked at", looked)
	}
}

// helps are the answers of helpOf that are known already.
var helps = map[string]string{}

// helpOf is what a program says of a command, and of each one that a synopsis in braces names.
func helpOf(name, program string, args []string) (string, error) {
	path := args[:min(len(args), 2)] // no command here has three words; what follows is what it is about
	for i, arg := range path {
		if strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "[") || arg == "…" {
			path = path[:i]
			break
		}
	}
	key := name + " " + strings.Join(path, " ")
	if help, asked := helps[key]; asked {
		return help, nil
	}
	for i, arg := range path {
		if !synopsisRule.MatchString(arg) {
			continue
		}
		var all strings.Builder
		for one := range strings.SplitSeq(strings.Trim(arg, "{}"), "|") {
			help, err := helpOf(name, program, slices.Concat(path[:i], []string{one}, path[i+1:]))
			if err != nil {
				return "", err
			}
			all.WriteString(help)
		}
		return all.String(), nil
	}
	out, err := exec.Command(program, append(slices.Clone(path), "--help")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	// Of a command that does not exist, cobra gives the help of the one above it.
	if group := regexp.MustCompile(`(?m)^ +` + name + ` (.*)\[command\]`).
		FindStringSubmatch(string(out)); group != nil && len(strings.Fields(group[1])) < len(path) {
		return "", fmt.Errorf("%s %sknows none of %q", name, group[1], path)
	}
	helps[key] = string(out)
	return string(out), nil
}

func TestMakeHasEachTargetOfThePages(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range documented(t) {
		args := words(c.text)
		if args[0] != "make" || seen[c.text] {
			continue
		}
		seen[c.text] = true
		dry := exec.Command("make", append([]string{"--dry-run"}, args[1:]...)...)
		dry.Dir, dry.Env = root, append(os.Environ(), "MAKEFLAGS=") // not those of a make that runs this test
		if out, err := dry.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c, err, out)
		}
	}
	if len(seen) < 3 {
		t.Errorf("only %d targets were looked for", len(seen))
	}
}

// Built with other flags than the Makefile's, the Azure SDK would be compiled once more, which takes minutes.
func TestNothingTellsItsReaderToRunAPackageByGo(t *testing.T) {
	files := pages(t)
	for _, folder := range []string{"main.go", "cmd", "components", "internal", "pipelines", "stacks"} {
		err := fs.WalkDir(os.DirFS(root), folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			files[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range files {
		if strings.Contains(text, "go run ./") {
			t.Errorf("%s has go run: amora is built by make amora, and pages are made by make generate", file)
		}
	}
}

// keysOf are the keys of the config that a command sets or removes.
func keysOf(c command) []string {
	args := words(c.text)
	var keys []string
	switch {
	case args[0] == "pulumi" && len(args) > 2 && args[1] == "config":
		for rest := args[3:]; len(rest) > 0; rest = rest[1:] {
			if rest[0] == "-s" || rest[0] == "--stack" {
				rest = rest[1:]
			} else if !strings.HasPrefix(rest[0], "-") {
				return []string{rest[0]}
			}
		}
	case args[0] == "make":
		for _, arg := range args[1:] {
			if edits, is := strings.CutPrefix(arg, "SET="); is {
				keys = append(keys, strings.Fields(edits)...)
			}
		}
	case strings.HasPrefix(c.short(), "amora "):
		for i, arg := range args[1:] {
			if strings.HasSuffix(args[i], "--set") {
				keys = append(keys, arg)
			}
		}
	}
	return keys
}

func TestEachKeyThatThePagesSetIsOneOfTheConfig(t *testing.T) {
	keys := map[string]bool{}
	for _, c := range documented(t) {
		for _, key := range keysOf(c) {
			key, _, _ = strings.Cut(key, "=")
			key = strings.TrimPrefix(regexp.MustCompile(`\[\d*\]$`).ReplaceAllString(key, ""), "amora-sync:")
			if key == "key" || key == strings.ToUpper(key) { // for the reader to put in
				continue
			}
			keys[key] = true
			if !known(key) {
				t.Errorf("%s: the config has no key %q", c, key)
			}
		}
	}
	if len(keys) < 15 || known("capacity.nodes") {
		t.Errorf("only %d keys were looked for, or none is refused", len(keys))
	}
}

// known tells whether the config has a key.
func known(key string) bool {
	parts := strings.Split(key, ".")
	value := `"x"`
	for _, part := range slices.Backward(parts[1:]) {
		value = "{" + strconv.Quote(part) + ":" + value + "}"
	}
	_, err := stacks.Parse("dev", map[string]string{"amora-sync:" + parts[0]: value})
	var faults stacks.Faults
	errors.As(err, &faults)
	return !slices.ContainsFunc(faults, func(f stacks.Fault) bool { return strings.HasPrefix(f.Rule, "no such key") })
}

var outputRule = regexp.MustCompile(`^pulumi stack output ([a-zA-Z]+)`)

func TestEachOutputThatThePagesReadIsOneOfAStack(t *testing.T) {
	var program strings.Builder
	files, err := filepath.Glob(filepath.Join(root, "stacks", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			program.Write(text)
		}
	}
	exported := func(name string) bool {
		return regexp.MustCompile(`xport\((?:ctx, )?"` + name + `", |"` + name + `": +pulumi\.`).MatchString(program.String())
	}
	for _, c := range documented(t) {
		match := outputRule.FindStringSubmatch(c.text)
		if match == nil {
			continue
		}
		name := match[1]
		if second, is := strings.CutPrefix(name, "secondary"); is && second != "Location" {
			name = strings.ToLower(second[:1]) + second[1:] // the same output of the second region
		}
		if !exported(name) {
			t.Errorf("%s: no stack has an output %s", c, match[1])
		}
	}
	if exported("vaultname") {
		t.Error("a misspelt output was found")
	}
}
