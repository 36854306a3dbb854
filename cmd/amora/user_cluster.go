package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/amora-sync/mqtt-on-azure/components/assets"
)

// changeInCluster runs one operation as a run of the admin CronJob in the cluster. The cluster's API server is private:
// Azure runs kubectl beside it, with the roles of whoever is logged in.
func (o *operator) changeInCluster(ctx context.Context, stack stackOutputs, environment map[string]string) error {
	logs, err := o.kubectl(ctx, stack, "",
		"kubectl get cronjob "+assets.HiveMQAdminJob+" --namespace "+assets.HiveMQNamespace+" --output json")
	if err != nil {
		return err
	}
	name := assets.HiveMQAdminJob + "-" + strings.ToLower(rand.Text()[:8])
	job, err := runOf([]byte(logs), name, environment)
	if err != nil {
		return err
	}
	return withFile("job.json", job, func(path string) error {
		_, err := o.kubectl(ctx, stack, path, createAndWait(name))
		return err
	})
}

// runOf makes a Job out of a CronJob, with more variables for the container that does the work, and a Secret with those
// that are secret: AKS logs a pod as a whole, and of a Secret no more than that it was made.
func runOf(cronJob []byte, name string, environment map[string]string) ([]byte, error) {
	var found struct {
		Spec struct{ JobTemplate struct{ Spec map[string]any } }
	}
	if err := json.Unmarshal(cronJob, &found); err != nil {
		return nil, fmt.Errorf("read the CronJob %s: %w", assets.HiveMQAdminJob, err)
	}
	template, _ := found.Spec.JobTemplate.Spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	containers, _ := pod["containers"].([]any)
	before, _ := pod["initContainers"].([]any)
	for _, each := range append(before, containers...) {
		container, _ := each.(map[string]any)
		if container["name"] != assets.HiveMQAdminJob {
			continue
		}
		env, _ := container["env"].([]any)
		secrets := map[string]string{}
		for key, value := range environment {
			variable := map[string]any{"name": key}
			if isSecret(key) {
				secrets[key] = value
				variable["valueFrom"] = map[string]any{"secretKeyRef": map[string]any{"name": name, "key": key}}
			} else {
				// Kubernetes would read $(NAME) as a variable, and $$ as an escaped $.
				variable["value"] = strings.ReplaceAll(value, "$", "$$")
			}
			env = append(env, variable)
		}
		container["env"] = env
		metadata := map[string]any{"name": name, "namespace": assets.HiveMQNamespace}
		return json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": []any{
			map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": secrets},
			map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata,
				"spec": found.Spec.JobTemplate.Spec},
		}})
	}
	return nil, fmt.Errorf("the CronJob %s has no container of that name", assets.HiveMQAdminJob)
}

// createAndWait is the script that runs the job of job.json, and fails with its log. The Secret goes when it ends.
func createAndWait(name string) string {
	return fmt.Sprintf(`trap 'kubectl delete secret %[1]s --namespace %[2]s --ignore-not-found >/dev/null' EXIT
kubectl create --filename job.json >/dev/null || exit 1
for try in $(seq 75); do
  case "$(kubectl get job %[1]s --namespace %[2]s --output 'jsonpath={.status.succeeded}/{.status.failed}')" in
  1/*) exit 0 ;;
  */1) kubectl logs --namespace %[2]s --selector job-name=%[1]s --all-containers --tail 20; exit 1 ;;
  esac
  sleep 4
done
echo "no end within five minutes"
exit 1`, name, assets.HiveMQNamespace)
}

// kubectl runs a script beside the cluster, with a file at hand, and gives back what it printed.
func (o *operator) kubectl(ctx context.Context, stack stackOutputs, file, script string) (string, error) {
	args := []string{"aks", "command", "invoke", "--resource-group", stack.ResourceGroupName, "--name",
		stack.ClusterName, "--output", "json", "--command", script}
	if file != "" {
		args = append(args, "--file", file)
	}
	data, err := o.run(ctx, "az", args...)
	if err != nil {
		return "", err
	}
	var result struct {
		ExitCode *int
		Logs     string
	}
	if err := json.Unmarshal(data, &result); err != nil || result.ExitCode == nil {
		return "", errors.Join(fmt.Errorf("run kubectl in %s: no result in %q", stack.ClusterName, data), err)
	}
	if *result.ExitCode != 0 {
		return "", fmt.Errorf("run kubectl in %s: exit code %d\n%s", stack.ClusterName, *result.ExitCode,
			strings.TrimSpace(result.Logs))
	}
	return result.Logs, nil
}
