package probes

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// Stack is a deployed stack, and the ways to ask about it. Each of them only reads.
type Stack struct {
	Name      string
	resources []resource
	outputs   map[string]any
	// Run runs a program that is logged in, az or pulumi, and gives back what it prints.
	Run func(ctx context.Context, name string, args ...string) ([]byte, error)
	// Certificate is the one that a host shows at a port, whoever signed it.
	Certificate func(ctx context.Context, address string) (*x509.Certificate, error)
	// Status is what a URL answers.
	Status func(ctx context.Context, url string) (int, error)
	// Lookup is the addresses of a name.
	Lookup func(ctx context.Context, name string) ([]string, error)
}

type resource struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Outputs map[string]any `json:"outputs"`
}

// Open reads what a stack has from its state, by `pulumi stack export`. Secrets in it stay encrypted.
func Open(ctx context.Context, name string,
	run func(context.Context, string, ...string) ([]byte, error)) (*Stack, error) {
	data, err := run(ctx, "pulumi", "stack", "export", "--stack", name)
	if err != nil {
		return nil, err
	}
	var state struct {
		Deployment struct {
			Resources []resource `json:"resources"`
		} `json:"deployment"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, fmt.Errorf("the state of stack %s: %w", name, err)
	}
	s := &Stack{Name: name, resources: state.Deployment.Resources, Run: run,
		Certificate: certificateOf, Status: statusOf, Lookup: net.DefaultResolver.LookupHost}
	for _, r := range s.resources {
		if r.Type == "pulumi:pulumi:Stack" {
			s.outputs = r.Outputs
		}
	}
	if len(s.all("Microsoft.Resources/resourceGroups")) == 0 {
		return nil, fmt.Errorf("stack %s is not deployed: its state has no resource group", name)
	}
	return s, nil
}

// azureType is the type of the resource that an id names, such as Microsoft.App/containerApps.
func azureType(id string) string {
	parts := strings.Split(strings.TrimPrefix(id, "/"), "/")
	last := -1
	for i, part := range parts {
		if strings.EqualFold(part, "providers") {
			last = i
		}
	}
	switch {
	case last < 0 && len(parts) == 4 && parts[0] == "subscriptions":
		return "Microsoft.Resources/resourceGroups"
	case last < 0 || last+2 >= len(parts):
		return ""
	}
	name := parts[last+1]
	for i := last + 2; i < len(parts); i += 2 {
		name += "/" + parts[i]
	}
	return name
}

// all are the resources of a type, in the order of the state.
func (s *Stack) all(kind string) (found []resource) {
	for _, r := range s.resources {
		if strings.EqualFold(azureType(r.ID), kind) {
			found = append(found, r)
		}
	}
	return found
}

// group and name are what an id has.
func (r resource) group() string { return segment(r.ID, "resourceGroups") }

func (r resource) name() string { return r.ID[strings.LastIndex(r.ID, "/")+1:] }

func segment(id, after string) string {
	parts := strings.Split(id, "/")
	for i, part := range parts[:len(parts)-1] {
		if strings.EqualFold(part, after) {
			return parts[i+1]
		}
	}
	return ""
}

// host is the name that clients connect to.
func (s *Stack) host() string {
	endpoint, _ := s.outputs["mqttEndpoint"].(string)
	host, _, _ := strings.Cut(strings.TrimPrefix(endpoint, "mqtts://"), ":")
	return host
}

// az asks Azure's CLI for JSON.
func (s *Stack) az(ctx context.Context, into any, args ...string) error {
	data, err := s.Run(ctx, "az", append(args, "--output", "json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("az %s: %w", args[0], err)
	}
	return nil
}

// get reads a resource, or what is below it.
func (s *Stack) get(ctx context.Context, id, version string, into any) error {
	return s.az(ctx, into, "rest", "--method", "get", "--url",
		"https://management.azure.com"+id+"?api-version="+version)
}

// query asks the workspace that the metrics and logs of the stack are in.
func (s *Stack) query(ctx context.Context, kql string) ([][]any, error) {
	var workspace string
	for _, r := range s.all("Microsoft.OperationalInsights/workspaces") {
		if id, ok := r.Outputs["customerId"].(string); ok && !strings.HasSuffix(r.name(), "-clients") {
			workspace = id
		}
	}
	if workspace == "" {
		return nil, errors.New("the stack has no workspace")
	}
	body, err := json.Marshal(map[string]string{"query": kql, "timespan": "PT6H"})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Tables []struct {
			Rows [][]any `json:"rows"`
		} `json:"tables"`
	}
	err = s.az(ctx, &answer, "rest", "--method", "post", "--resource", "https://api.loganalytics.io", "--url",
		"https://api.loganalytics.io/v1/workspaces/"+workspace+"/query", "--body", string(body))
	if err == nil && len(answer.Tables) == 0 {
		err = errors.New("the workspace answers without a table")
	}
	if err != nil {
		return nil, err
	}
	return answer.Tables[0].Rows, nil
}

// onMachine runs a script on a machine, as root, and gives back what it prints.
func (s *Stack) onMachine(ctx context.Context, machine resource, script string) (string, error) {
	var answer struct {
		Value []struct {
			Message string `json:"message"`
		} `json:"value"`
	}
	err := s.az(ctx, &answer, "vm", "run-command", "invoke", "--ids", machine.ID, "--command-id", "RunShellScript",
		"--scripts", script)
	if err == nil && len(answer.Value) == 0 {
		err = errors.New("the machine answers nothing")
	}
	if err != nil {
		return "", err
	}
	_, said, _ := strings.Cut(answer.Value[0].Message, "[stdout]")
	said, _, _ = strings.Cut(said, "[stderr]")
	return strings.TrimSpace(said), nil
}

// inCluster runs kubectl inside the cluster, and gives back what it prints.
func (s *Stack) inCluster(ctx context.Context, command string) (string, error) {
	cluster := s.all("Microsoft.ContainerService/managedClusters")[0] // Needs says that there is one
	var answer struct {
		ExitCode int    `json:"exitCode"`
		Logs     string `json:"logs"`
	}
	err := s.az(ctx, &answer, "aks", "command", "invoke", "--resource-group", cluster.group(), "--name", cluster.name(),
		"--command", command)
	if err == nil && answer.ExitCode != 0 {
		err = fmt.Errorf("%s: %s", command, strings.TrimSpace(answer.Logs))
	}
	return strings.TrimSpace(answer.Logs), err
}

// certificateOf looks at what is shown, and trusts nobody: a stack of its own makes its certificate itself.
func certificateOf(ctx context.Context, address string) (*x509.Certificate, error) {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second},
		Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // nothing is sent
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

func statusOf(ctx context.Context, url string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // as above
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
