package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"
)

// bcryptCost takes a broker about a tenth of a second for each connection attempt.
const bcryptCost = 10

// operator talks to a deployed stack through the CLIs that its owner has logged in to anyway: the user store is reachable from
// inside the stack's network only, so a job there does the work.
type operator struct {
	stack string
	out   io.Writer
	poll  time.Duration
	run   func(ctx context.Context, name string, args ...string) ([]byte, error)
}

func user() *cobra.Command {
	o := &operator{out: os.Stdout, poll: 5 * time.Second, run: output}
	command := &cobra.Command{Use: "user", Short: "Add users of a deployed broker, and say what they may do"}
	command.PersistentFlags().StringVar(&o.stack, "stack", "dev", "the Pulumi stack")
	command.AddCommand(
		&cobra.Command{
			Use: "add USERNAME", Short: "Add a user or change the password; asks for it, or takes MQTT_PASSWORD", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				hash, err := passwordHash()
				if err != nil {
					return err
				}
				return o.change(c.Context(), "add", map[string]string{"MQTT_USERNAME": args[0], "MQTT_PASSWORD_HASH": hash})
			},
		},
		&cobra.Command{
			Use: "allow USERNAME TOPIC publish|subscribe|all", Short: "Let a user use a topic filter", Args: cobra.ExactArgs(3),
			RunE: func(c *cobra.Command, args []string) error {
				return o.change(c.Context(), "allow", map[string]string{"MQTT_USERNAME": args[0], "MQTT_TOPIC": args[1], "MQTT_ACTION": args[2]})
			},
		},
		&cobra.Command{
			Use: "forbid USERNAME TOPIC", Short: "Take a topic filter from a user", Args: cobra.ExactArgs(2),
			RunE: func(c *cobra.Command, args []string) error {
				return o.change(c.Context(), "forbid", map[string]string{"MQTT_USERNAME": args[0], "MQTT_TOPIC": args[1]})
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

// passwordHash hashes here, so that no password in the clear reaches Azure's records of the job.
func passwordHash() (string, error) {
	password := []byte(os.Getenv("MQTT_PASSWORD"))
	if len(password) == 0 {
		fmt.Fprint(os.Stderr, "Password: ")
		var err error
		password, err = term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w; without a terminal, set MQTT_PASSWORD", err)
		}
	}
	if len(password) < 8 {
		return "", errors.New("the password must have at least 8 characters")
	}
	hash, err := bcrypt.GenerateFromPassword(password, bcryptCost) // refuses more than 72 bytes
	return string(hash), err
}

// change runs one operation in the admin job, waits for it, and lets the rules job make it known to the broker.
func (o *operator) change(ctx context.Context, operation string, environment map[string]string) error {
	group, admin, rules, err := o.jobs(ctx)
	if err != nil {
		return err
	}
	environment["OPERATION"] = operation
	container, err := o.container(ctx, group, admin)
	if err != nil {
		return err
	}
	for name, value := range environment {
		container["env"] = append(container["env"].([]any), map[string]any{"name": name, "value": value})
	}
	body, err := json.Marshal(map[string]any{"containers": []any{container}})
	if err != nil {
		return err
	}
	if err := o.start(ctx, group, admin, string(body)); err != nil {
		return err
	}
	if err := o.start(ctx, group, rules, "{}"); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "%s %s: done\n", operation, environment["MQTT_USERNAME"])
	return nil
}

const jobAPI = "api-version=2024-03-01"

// jobs finds the stack's resource group and its two jobs in the outputs of the stack.
func (o *operator) jobs(ctx context.Context) (group, admin, rules string, err error) {
	data, err := o.run(ctx, "pulumi", "stack", "output", "--json", "--stack", o.stack)
	if err != nil {
		return "", "", "", err
	}
	var outputs struct{ ResourceGroupName, AdminJobName, RulesJobName string }
	if err := json.Unmarshal(data, &outputs); err != nil {
		return "", "", "", fmt.Errorf("read the outputs of stack %s: %w", o.stack, err)
	}
	if outputs.ResourceGroupName == "" || outputs.AdminJobName == "" || outputs.RulesJobName == "" {
		return "", "", "", fmt.Errorf("stack %s is not deployed: it has no output resourceGroupName, adminJobName or rulesJobName", o.stack)
	}
	return outputs.ResourceGroupName, outputs.AdminJobName, outputs.RulesJobName, nil
}

func jobURL(group, job string) string {
	return "/subscriptions/{subscriptionId}/resourceGroups/" + group + "/providers/Microsoft.App/jobs/" + job
}

// container is the job's own: an execution with other variables has to bring the whole container.
func (o *operator) container(ctx context.Context, group, job string) (map[string]any, error) {
	data, err := o.run(ctx, "az", "rest", "--method", "get", "--url", jobURL(group, job)+"?"+jobAPI)
	if err != nil {
		return nil, err
	}
	var found struct {
		Properties struct {
			Template struct{ Containers []map[string]any }
		}
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, fmt.Errorf("read job %s: %w", job, err)
	}
	if len(found.Properties.Template.Containers) != 1 {
		return nil, fmt.Errorf("job %s has %d containers, want 1", job, len(found.Properties.Template.Containers))
	}
	container := found.Properties.Template.Containers[0]
	if _, ok := container["env"].([]any); !ok {
		return nil, fmt.Errorf("job %s has no environment", job)
	}
	return container, nil
}

// start runs a job and waits until it has succeeded, or fails with it.
func (o *operator) start(ctx context.Context, group, job, body string) error {
	data, err := o.run(ctx, "az", "rest", "--method", "post", "--url", jobURL(group, job)+"/start?"+jobAPI, "--body", body)
	if err != nil {
		return err
	}
	var execution struct{ Name string }
	if err := json.Unmarshal(data, &execution); err != nil || execution.Name == "" {
		return fmt.Errorf("start job %s: no execution in %q", job, data)
	}
	for {
		data, err := o.run(ctx, "az", "rest", "--method", "get", "--url", jobURL(group, job)+"/executions/"+execution.Name+"?"+jobAPI)
		if err != nil {
			return err
		}
		var state struct{ Properties struct{ Status string } }
		if err := json.Unmarshal(data, &state); err != nil {
			return fmt.Errorf("read execution %s: %w", execution.Name, err)
		}
		switch state.Properties.Status {
		case "Succeeded":
			return nil
		case "Failed", "Stopped", "Degraded":
			return fmt.Errorf("job %s: execution %s is %s; its log says why", job, execution.Name, state.Properties.Status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(o.poll):
		}
	}
}

// output runs a program and gives back what it prints, or its error with what it said.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	command.Stderr = &said
	data, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, strings.TrimSpace(said.String()))
	}
	return data, nil
}
