package main

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"
)

// What a broker does for each connection attempt: after an outage, all clients come back at once. bcrypt takes it less
// than a tenth of a second, PBKDF2 some two tenths.
const (
	bcryptCost = 10
	// For SHA-512. Source:
	// https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#pbkdf2
	pbkdf2Iterations = 210_000
)

// operator talks to a deployed stack through the CLIs that its owner has logged in to anyway: the user store is
// reachable from inside the stack's network only, so a job or a machine there does the work.
type operator struct {
	stack     string
	secondary bool // the second region does the work
	hivemq    bool // a new password is for HiveMQ too, whichever the broker
	password  []byte
	out       io.Writer
	poll      time.Duration
	limit     time.Duration // that a machine may take
	run       func(ctx context.Context, name string, args ...string) ([]byte, error)
}

func user() *cobra.Command {
	o := &operator{out: os.Stdout, poll: 5 * time.Second, limit: 5 * time.Minute, run: output}
	command := &cobra.Command{Use: "user", Short: "Add users of a deployed broker, and say what they may do"}
	command.PersistentFlags().StringVar(&o.stack, "stack", "dev", "the Pulumi stack")
	command.PersistentFlags().
		BoolVar(&o.secondary, "secondary", false, "have the second region do it, whose database was promoted")
	add := &cobra.Command{
		Use: "add USERNAME", Short: "Add a user or change the password; asks for it, or takes MQTT_PASSWORD",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.password, err = readPassword(); err != nil {
				return err
			}
			return o.change(c.Context(), "add", map[string]string{"MQTT_USERNAME": args[0]})
		},
	}
	add.Flags().
		BoolVar(&o.hivemq, "hivemq", false, "make the password's second hash too, before a switch to HiveMQ")
	command.AddCommand(
		add,
		&cobra.Command{
			Use: "allow USERNAME TOPIC publish|subscribe|all", Short: "Let a user use a topic filter", Args: cobra.ExactArgs(3),
			RunE: func(c *cobra.Command, args []string) error {
				return o.change(c.Context(), "allow", map[string]string{"MQTT_USERNAME": args[0], "MQTT_TOPIC": args[1],
					"MQTT_ACTION": args[2]})
			},
		},
		&cobra.Command{
			Use: "forbid USERNAME TOPIC", Short: "Take a topic filter from a user", Args: cobra.ExactArgs(2),
			RunE: func(c *cobra.Command, args []string) error {
				return o.change(c.Context(), "forbid", map[string]string{"MQTT_USERNAME": args[0], "MQTT_TOPIC": args[1]})
			},
		},
		&cobra.Command{
			Use:   "client-ids USERNAME IDS",
			Short: "Let a user connect as other client ids besides: one, those that begin with PREFIX*, or with '' none",
			Args:  cobra.ExactArgs(2),
			RunE: func(c *cobra.Command, args []string) error {
				return o.change(c.Context(), "client-ids", map[string]string{"MQTT_USERNAME": args[0],
					"MQTT_CLIENT_IDS": args[1]})
			},
		},
		&cobra.Command{
			Use: "remove USERNAME", Short: "Remove a user and all rules", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				return o.change(c.Context(), "remove", map[string]string{"MQTT_USERNAME": args[0]})
			},
		},
	)
	return command
}

func readPassword() ([]byte, error) {
	password := []byte(os.Getenv(passwordVariable))
	if len(password) == 0 {
		fmt.Fprint(os.Stderr, "Password: ")
		var err error
		password, err = term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		if err != nil {
			return nil, fmt.Errorf("read the password: %w; without a terminal, set MQTT_PASSWORD", err)
		}
	}
	if len(password) < 8 {
		return nil, errors.New("the password must have at least 8 characters")
	}
	return password, nil
}

// Variables of the admin script that nobody but it may read: they go the way of secrets.
const (
	hashVariable   = "MQTT_PASSWORD_HASH"
	pbkdf2Variable = "MQTT_PASSWORD_PBKDF2"
)

func isSecret(variable string) bool { return variable == hashVariable || variable == pbkdf2Variable }

// passwordHashes hashes here, so that no password in the clear reaches Azure: with bcrypt, which most brokers read, and
// for HiveMQ as it reads it. Where nobody reads it, the second would be one more to guess passwords by.
func passwordHashes(password []byte, hivemq bool) (map[string]string, error) {
	hash, err := bcrypt.GenerateFromPassword(password, bcryptCost) // refuses more than 72 bytes
	if err != nil {
		return nil, err
	}
	hashes := map[string]string{hashVariable: string(hash)}
	if !hivemq {
		return hashes, nil
	}
	salt := make([]byte, 24)
	rand.Read(salt)
	key, err := pbkdf2.Key(sha512.New, string(password), salt, pbkdf2Iterations, sha512.Size)
	if err != nil {
		return nil, err
	}
	encode := base64.StdEncoding.EncodeToString
	hashes[pbkdf2Variable] = fmt.Sprintf("%s:%d:%s", encode(salt), pbkdf2Iterations, encode(key))
	return hashes, nil
}

// stackOutputs are the outputs of a stack that say where its administration is.
type stackOutputs struct {
	ResourceGroupName, AdminJobName, RulesJobName, ClusterName string
	MachineNames                                               []string
}

// change runs one operation on the user store, where the stack's broker has it done.
func (o *operator) change(ctx context.Context, operation string, environment map[string]string) error {
	data, err := o.run(ctx, "pulumi", "stack", "output", "--json", "--stack", o.stack)
	if err != nil {
		return err
	}
	stack, err := o.read(data)
	if err != nil {
		return fmt.Errorf("read the outputs of stack %s: %w", o.stack, err)
	}
	environment["OPERATION"] = operation
	if operation == "add" {
		hashes, err := passwordHashes(o.password, o.hivemq || stack.ClusterName != "")
		if err != nil {
			return err
		}
		maps.Copy(environment, hashes)
	}
	switch {
	case stack.ResourceGroupName != "" && stack.ClusterName != "":
		err = o.changeInCluster(ctx, stack, environment)
	case stack.ResourceGroupName != "" && len(stack.MachineNames) > 0:
		err = o.changeOnMachine(ctx, stack, environment)
	case stack.ResourceGroupName != "" && stack.AdminJobName != "" && stack.RulesJobName != "":
		err = o.changeInJob(ctx, stack, environment)
	default:
		err = fmt.Errorf("stack %s is not deployed: its outputs name no administration", o.stack)
	}
	if err == nil {
		fmt.Fprintf(o.out, "%s %s: done\n", operation, environment["MQTT_USERNAME"])
	}
	return err
}

// read takes the outputs of the region that does the work.
func (o *operator) read(data []byte) (stackOutputs, error) {
	var both struct {
		stackOutputs
		SecondaryResourceGroupName, SecondaryAdminJobName, SecondaryRulesJobName, SecondaryClusterName string
		SecondaryMachineNames                                                                          []string
	}
	err := json.Unmarshal(data, &both)
	if o.secondary {
		return stackOutputs{
			ResourceGroupName: both.SecondaryResourceGroupName, AdminJobName: both.SecondaryAdminJobName,
			RulesJobName: both.SecondaryRulesJobName,
			ClusterName:  both.SecondaryClusterName, MachineNames: both.SecondaryMachineNames,
		}, err
	}
	return both.stackOutputs, err
}

// withFile has az read a file that is there meanwhile, and that nobody else may read: its arguments are visible to
// every process.
func withFile(name string, content []byte, use func(path string) error) error {
	folder, err := os.MkdirTemp("", "amora")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return use(path)
}

// output runs a program and gives back what it prints, or its error with what it said. It is not told the password.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	command.Stderr = &said
	command.Env = slices.DeleteFunc(os.Environ(),
		func(v string) bool { return strings.HasPrefix(v, passwordVariable+"=") })
	// az is a script: what it started would keep its output open for longer than it is waited for
	command.WaitDelay = 30 * time.Second
	data, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, strings.TrimSpace(said.String()))
	}
	return data, nil
}
