package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// changeInJob runs one operation in a job of its own, made after the admin job, and lets the rules job make it known to
// the broker. A job's executions show their variables to every reader for as long as there is the job, and its secrets
// to nobody: so what is secret is one of the job's secrets, and the job goes when the operation has ended.
func (o *operator) changeInJob(ctx context.Context, stack stackOutputs, environment map[string]string) error {
	name := stack.AdminJobName + "-" + strings.ToLower(rand.Text()[:8])
	data, err := o.azureREST(ctx, "get", jobURL(stack.ResourceGroupName, stack.AdminJobName, ""), nil)
	if err != nil {
		return err
	}
	body, err := jobLike(data, environment)
	if err != nil {
		return fmt.Errorf("read job %s: %w", stack.AdminJobName, err)
	}
	if err := o.runOnce(ctx, stack.ResourceGroupName, name, body); err != nil {
		return err
	}
	return o.start(ctx, stack.ResourceGroupName, stack.RulesJobName)
}

// runOnce makes a job, runs it, and deletes it, whatever became of it.
func (o *operator) runOnce(ctx context.Context, group, name string, body []byte) (err error) {
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // it goes when this is interrupted, too
		defer cancel()
		if _, failed := o.azureREST(end, "delete", jobURL(group, name, ""), nil); failed != nil {
			err = errors.Join(err, fmt.Errorf("job %s stays, with a hash of the password if one was given; delete it: %w", name,
				failed))
		}
	}()
	if _, err := o.azureREST(ctx, "put", jobURL(group, name, ""), body); err != nil {
		return err
	}
	if err := o.wait(ctx, jobURL(group, name, ""), "job "+name); err != nil {
		return err
	}
	return o.start(ctx, group, name)
}

// jobLike is a job as another one that Azure describes, with more variables for its container.
func jobLike(described []byte, environment map[string]string) ([]byte, error) {
	var found struct {
		Location string `json:"location"`
		Tags     any    `json:"tags,omitempty"`
		Identity struct {
			Type string         `json:"type"`
			Of   map[string]any `json:"userAssignedIdentities,omitempty"`
		} `json:"identity"`
		Properties struct {
			EnvironmentID string         `json:"environmentId"`
			Profile       string         `json:"workloadProfileName,omitempty"`
			Configuration map[string]any `json:"configuration"`
			Template      struct {
				Containers []map[string]any `json:"containers"`
			} `json:"template"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(described, &found); err != nil {
		return nil, err
	}
	containers := found.Properties.Template.Containers
	if len(containers) != 1 {
		return nil, fmt.Errorf("it has %d containers, want 1", len(containers))
	}
	env, ok := containers[0]["env"].([]any)
	if !ok || found.Properties.Configuration == nil {
		return nil, errors.New("it has no environment")
	}
	for id := range found.Identity.Of {
		found.Identity.Of[id] = map[string]any{} // what Azure says of it is not taken back
	}
	secrets, _ := found.Properties.Configuration["secrets"].([]any)
	for name, value := range environment {
		variable := map[string]any{"name": name}
		if isSecret(name) {
			secret := strings.ReplaceAll(strings.ToLower(name), "_", "-")
			secrets = append(secrets, map[string]any{"name": secret, "value": value})
			variable["secretRef"] = secret
		} else {
			variable["value"] = value
		}
		env = append(env, variable)
	}
	containers[0]["env"], found.Properties.Configuration["secrets"] = env, secrets
	return json.Marshal(found)
}

// jobURL is where a job is, or what is below it.
func jobURL(group, job, below string) string {
	return "/subscriptions/{subscriptionId}/resourceGroups/" + group + "/providers/Microsoft.App/jobs/" + job + below +
		"?api-version=2024-03-01"
}

func (o *operator) azureREST(ctx context.Context, method, url string, body []byte) (data []byte, err error) {
	args := []string{"rest", "--method", method, "--url", url}
	if body == nil {
		return o.run(ctx, "az", args...)
	}
	err = withFile("body.json", body, func(path string) (err error) {
		data, err = o.run(ctx, "az", append(args, "--body", "@"+path)...)
		return err
	})
	return data, err
}

// start runs a job and waits until it has succeeded, or fails with it.
func (o *operator) start(ctx context.Context, group, job string) error {
	data, err := o.azureREST(ctx, "post", jobURL(group, job, "/start"), []byte("{}"))
	if err != nil {
		return err
	}
	var execution struct{ Name string }
	if err := json.Unmarshal(data, &execution); err != nil || execution.Name == "" {
		return fmt.Errorf("start job %s: no execution in %q", job, data)
	}
	return o.wait(ctx, jobURL(group, job, "/executions/"+execution.Name), "job "+job+": execution "+execution.Name)
}

// wait looks at something of Azure until it has succeeded, or fails with it.
func (o *operator) wait(ctx context.Context, url, what string) error {
	for {
		data, err := o.azureREST(ctx, "get", url, nil)
		if err != nil {
			return err
		}
		var state struct {
			Properties struct{ Status, ProvisioningState string }
		}
		if err := json.Unmarshal(data, &state); err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
		switch is := state.Properties.Status + state.Properties.ProvisioningState; is {
		case "Succeeded":
			return nil
		case "Failed", "Stopped", "Degraded", "Canceled":
			return fmt.Errorf("%s is %s; its log says why", what, is)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(o.poll):
		}
	}
}
