package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// changeInJob runs one operation in the admin job on Container Apps, waits for it, and lets the rules job make it known
// to the broker.
func (o *operator) changeInJob(ctx context.Context, stack stackOutputs, environment map[string]string) error {
	container, err := o.container(ctx, stack.ResourceGroupName, stack.AdminJobName)
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
	if err := o.start(ctx, stack.ResourceGroupName, stack.AdminJobName, string(body)); err != nil {
		return err
	}
	return o.start(ctx, stack.ResourceGroupName, stack.RulesJobName, "{}")
}

const jobAPI = "api-version=2024-03-01"

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
		data, err := o.run(ctx, "az", "rest", "--method", "get", "--url",
			jobURL(group, job)+"/executions/"+execution.Name+"?"+jobAPI)
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
