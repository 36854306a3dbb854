package probes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// state is what every resource of Azure says of itself.
type state struct {
	Properties struct {
		ProvisioningState string `json:"provisioningState"`
		RunningStatus     string `json:"runningStatus"`
		ComplianceState   string `json:"complianceState"`
		DDoSSettings      struct {
			ProtectionMode string `json:"protectionMode"`
		} `json:"ddosSettings"`
		Logs []struct {
			Enabled bool `json:"enabled"`
		} `json:"logs"`
		Status string `json:"status"`
	} `json:"properties"`
}

// nodeValues are the newest values of a metric, by node.
func (s *Stack) nodeValues(ctx context.Context, metric string) (map[string]float64, error) {
	rows, err := s.query(ctx, fmt.Sprintf(`AppMetrics | where TimeGenerated > ago(15m) and Name == "%s" `+
		`| summarize arg_max(TimeGenerated, Sum) by Node = tostring(Properties["node"]) | project Node, Sum`, metric))
	if err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for _, row := range rows {
		if len(row) != 2 {
			return nil, fmt.Errorf("the workspace answers with %d columns", len(row))
		}
		name, _ := row[0].(string)
		value, isNumber := row[1].(float64)
		if !isNumber {
			return nil, fmt.Errorf("the workspace has %v for %s of %s", row[1], metric, name)
		}
		values[name] = value
	}
	return values, nil
}

// nodesServe looks at what the collector saw of each node. A node resolves names, and is let in by its gate, or it is
// not up.
func nodesServe(ctx context.Context, s *Stack) Answer {
	up, err := s.nodeValues(ctx, "mqtt.node.up")
	if err != nil {
		return unasked(err)
	}
	down := 0
	for _, value := range up {
		if value < 1 {
			down++
		}
	}
	return when(len(up) > 0 && down == 0, "%d nodes were seen in 15 minutes, %d of them down", len(up), down)
}

func nodesAreOneCluster(ctx context.Context, s *Stack) Answer {
	up, err := s.nodeValues(ctx, "mqtt.node.up")
	if err != nil {
		return unasked(err)
	}
	seen, err := s.nodeValues(ctx, "mqtt.nodes.running")
	if err != nil {
		return unasked(err)
	}
	fewest := float64(len(up))
	for _, others := range seen {
		fewest = min(fewest, others)
	}
	return when(len(up) > 0 && len(seen) == len(up) && fewest == float64(len(up)),
		"%d nodes are up, and %d say of how many they know: of %g at the least", len(up), len(seen), fewest)
}

func certificateIsShown(ctx context.Context, s *Stack) Answer {
	c, err := s.Certificate(ctx, s.host()+":8883")
	if err != nil {
		return failed("%v", err)
	}
	err = c.VerifyHostname(s.host())
	return when(err == nil, "%s shows %s, good until %s (%v)", s.host(), c.Subject, c.NotAfter.Format("2006-01-02"), err)
}

// webSocketIsReached asks for the WebSocket's path without an upgrade: a broker answers that it is no WebSocket, and
// what is on the way that it finds no broker.
func webSocketIsReached(ctx context.Context, s *Stack) Answer {
	url := "https://ws." + s.host() + "/mqtt"
	status, err := s.Status(ctx, url)
	if err != nil {
		return failed("%v", err)
	}
	return when(status >= 400 && status <= 426 && status != http.StatusForbidden && status != http.StatusNotFound,
		"%s answers %d", url, status)
}

// each reads every resource of a type, and wants the same of all.
func (s *Stack) each(ctx context.Context, kind, version string, want func(state) (string, bool)) Answer {
	var wrong []string
	found := s.all(kind)
	for _, r := range found {
		var is state
		if err := s.get(ctx, r.ID, version, &is); err != nil {
			return unasked(err)
		}
		if said, ok := want(is); !ok {
			wrong = append(wrong, r.name()+": "+said)
		}
	}
	if len(wrong) > 0 {
		return failed("%s", strings.Join(wrong, "; "))
	}
	return held("%d of %s as expected", len(found), kind)
}

func environmentAndAppsRun(ctx context.Context, s *Stack) Answer {
	succeeded := func(is state) (string, bool) {
		return is.Properties.ProvisioningState, is.Properties.ProvisioningState == "Succeeded"
	}
	if a := s.each(ctx, "Microsoft.App/managedEnvironments", "2024-03-01", succeeded); a.Verdict != Held {
		return a
	}
	return s.each(ctx, "Microsoft.App/containerApps", "2024-03-01", func(is state) (string, bool) {
		said := is.Properties.ProvisioningState + ", " + is.Properties.RunningStatus
		return said, said == "Succeeded, Running"
	})
}

func jobsSucceeded(ctx context.Context, s *Stack) Answer {
	var said []string
	for _, job := range s.all("Microsoft.App/jobs") {
		var runs struct {
			Value []struct {
				state
				Name string `json:"name"`
			} `json:"value"`
		}
		if err := s.get(ctx, job.ID+"/executions", "2024-03-01", &runs); err != nil {
			return unasked(err)
		}
		for _, run := range runs.Value {
			switch run.Properties.Status {
			case "Succeeded":
				said = append(said, job.name())
			case "Failed", "Degraded":
				return failed("%s: %s", run.Name, run.Properties.Status)
			}
		}
	}
	slices.Sort(said)
	said = slices.Compact(said)
	if len(said) == 0 {
		return unasked(errors.New("no job has ended yet"))
	}
	return held("every run that Azure lists of %s succeeded", strings.Join(said, " and "))
}

func fluxIsCompliant(ctx context.Context, s *Stack) Answer {
	return s.each(ctx, "Microsoft.KubernetesConfiguration/fluxConfigurations",
		"2023-05-01", func(is state) (string, bool) {
			return is.Properties.ComplianceState, is.Properties.ComplianceState == "Compliant"
		})
}

// kubectl asks the cluster, and judges what it prints.
func (s *Stack) kubectl(ctx context.Context, command string, judge func(said string) Answer) Answer {
	said, err := s.inCluster(ctx, "kubectl "+command)
	if err != nil {
		return unasked(err)
	}
	return judge(said)
}

func brokersRun(ctx context.Context, s *Stack) Answer {
	return s.kubectl(ctx, "-n hivemq get hivemq-platform -o jsonpath={.items[*].status.state}", func(said string) Answer {
		return when(said == "RUNNING", "the platform is %q", said)
	})
}

func serviceAccountIsThere(ctx context.Context, s *Stack) Answer {
	return s.kubectl(ctx, "-n hivemq get serviceaccount -o name", func(said string) Answer {
		return when(slices.Contains(strings.Fields(said), "serviceaccount/hivemq-platform-pod-broker"), "there are %s",
			strings.Join(strings.Fields(said), ", "))
	})
}

func podsAreScheduled(ctx context.Context, s *Stack) Answer {
	return s.kubectl(ctx, "-n hivemq get pods --field-selector=status.phase=Pending -o name", func(said string) Answer {
		return when(said == "", "pending: %q", said)
	})
}

func operatorRuns(ctx context.Context, s *Stack) Answer {
	return s.kubectl(ctx, "-n hivemq get deployments -o jsonpath={.items[*].status.readyReplicas}",
		func(said string) Answer {
			return when(said != "" && !slices.Contains(strings.Fields(said), "0"), "ready replicas: %q", said)
		})
}

func restrictedWouldDo(ctx context.Context, s *Stack) Answer {
	const label = "label --dry-run=server --overwrite namespace hivemq pod-security.kubernetes.io/enforce=restricted"
	return s.kubectl(ctx, label, func(said string) Answer {
		return when(!strings.Contains(said, "Warning"), "%s", said)
	})
}

// machines runs a script on every machine, and judges what each prints.
func (s *Stack) machines(ctx context.Context, script string, judge func(said string) bool) Answer {
	var all []string
	holds := true
	for _, machine := range s.all("Microsoft.Compute/virtualMachines") {
		said, err := s.onMachine(ctx, machine, script)
		if err != nil {
			return unasked(fmt.Errorf("%s: %w", machine.name(), err))
		}
		holds = holds && judge(said)
		all = append(all, machine.name()+": "+strings.Join(strings.Fields(said), " "))
	}
	return when(holds, "%s", strings.Join(all, "; "))
}

func machinesServe(ctx context.Context, s *Stack) Answer {
	return s.machines(ctx, "curl --silent --show-error --max-time 10 --write-out ' %{http_code}' localhost:8888/health",
		func(said string) bool { return strings.HasSuffix(said, " 200") })
}

func dataIsOnItsDisk(ctx context.Context, s *Stack) Answer {
	return s.machines(ctx, "findmnt --noheadings --output TARGET --target /var/lib/vernemq",
		func(said string) bool { return said == "/var/lib/vernemq" })
}

var exposure = regexp.MustCompile(`(\d+\.\d+) [A-Z]+`)

// highestExposure is what tests/realparts has systemd say of the unit's file.
const highestExposure = 3.5

func fenceStands(ctx context.Context, s *Stack) Answer {
	const script = "systemd-analyze --no-pager security vernemq.service | tail -n 1; systemd-run --quiet --pipe --wait " +
		"--uid=vernemq --property=IPAddressDeny=169.254.169.254 curl --silent --max-time 3 --header Metadata:true " +
		"'http://169.254.169.254/metadata/instance?api-version=2021-02-01' >/dev/null && echo reached || echo fenced"
	return s.machines(ctx, script, func(said string) bool {
		found := exposure.FindStringSubmatch(said)
		if found == nil {
			return false
		}
		value, err := strconv.ParseFloat(found[1], 64)
		return err == nil && value <= highestExposure && strings.HasSuffix(said, "fenced")
	})
}

func logsAreSent(ctx context.Context, s *Stack) Answer {
	return s.each(ctx, "Microsoft.Insights/diagnosticSettings", "2021-05-01-preview", func(is state) (string, bool) {
		for _, log := range is.Properties.Logs {
			if log.Enabled {
				return "", true
			}
		}
		return "sends no logs", false
	})
}

// counted asks for a number of rows.
func (s *Stack) counted(ctx context.Context, kql, what string) Answer {
	rows, err := s.query(ctx, kql+" | count")
	if err != nil {
		return unasked(err)
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return unasked(fmt.Errorf("the workspace answers %v", rows))
	}
	number, _ := rows[0][0].(float64)
	return when(number > 0, "%g %s", number, what)
}

func metricsCome(ctx context.Context, s *Stack) Answer {
	return s.counted(ctx, `AppMetrics | where TimeGenerated > ago(15m) and Name == "mqtt.connections" and isnotnull(Sum)`,
		"values of mqtt.connections in 15 minutes")
}

func certificateIsSeen(ctx context.Context, s *Stack) Answer {
	return s.counted(ctx, `AppMetrics | where TimeGenerated > ago(3h) and Name == "mqtt.certificate.days"`,
		"looks at the certificate in three hours")
}

func machinesReport(ctx context.Context, s *Stack) Answer {
	rows, err := s.query(ctx, "Perf | where TimeGenerated > ago(1h) | distinct Computer")
	if err != nil {
		return unasked(err)
	}
	wanted := len(s.all("Microsoft.Compute/virtualMachines"))
	return when(len(rows) == wanted, "%d of %d machines reported in an hour", len(rows), wanted)
}

func podLogsComeFromHiveMQOnly(ctx context.Context, s *Stack) Answer {
	rows, err := s.query(ctx, "ContainerLogV2 | where TimeGenerated > ago(6h) | distinct PodNamespace")
	if err != nil {
		return unasked(err)
	}
	return when(len(rows) == 1 && len(rows[0]) == 1 && rows[0][0] == "hivemq", "logs are of %v", rows)
}

func addressIsProtected(ctx context.Context, s *Stack) Answer {
	protected := slices.ContainsFunc(s.all("Microsoft.Network/publicIPAddresses"), func(r resource) bool {
		settings, _ := r.Outputs["ddosSettings"].(map[string]any)
		return settings["protectionMode"] == "Enabled"
	})
	if !protected {
		return unasked(errors.New("the stack does not want it: security.ddos is not ip"))
	}
	modes := map[string]bool{}
	answer := s.each(ctx, "Microsoft.Network/publicIPAddresses", "2023-02-01", func(is state) (string, bool) {
		modes[is.Properties.DDoSSettings.ProtectionMode] = true
		return "", true
	})
	if answer.Verdict != Held {
		return answer
	}
	return when(modes["Enabled"], "addresses are protected: %v", modes["Enabled"])
}

func nameHasAnAddress(ctx context.Context, s *Stack) Answer {
	addresses, err := s.Lookup(ctx, s.host())
	if err != nil {
		return failed("%v", err)
	}
	return when(len(addresses) > 0, "%s is %s", s.host(), strings.Join(addresses, ", "))
}

func nothingDrifts(ctx context.Context, s *Stack) Answer {
	said, err := s.Run(ctx, "pulumi", "refresh", "--preview-only", "--expect-no-changes", "--non-interactive", "--diff",
		"--stack", s.Name)
	if err != nil {
		return failed("%v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return held("%s", strings.TrimSpace(lines[len(lines)-1]))
}

func activityLogHasNoHash(ctx context.Context, s *Stack) Answer {
	group := s.all("Microsoft.Resources/resourceGroups")[0] // there is one, or the stack could not be opened
	data, err := s.Run(ctx, "az", "monitor", "activity-log", "list", "--resource-group", group.name(), "--offset", "7d",
		"--max-events", "1000", "--output", "json")
	if err != nil {
		return unasked(err)
	}
	text := string(data)
	users := strings.Count(text, "/jobs/admin-")
	switch {
	case strings.Contains(text, "$2a$") || strings.Contains(text, ":210000:"):
		return failed("the activity log of %s holds a hash", group.name())
	case users == 0:
		return unasked(errors.New("no user was added in seven days"))
	}
	return held("the activity log of %s names %d jobs of `amora user`, and no hash", group.name(), users)
}

// firewallAnswers429 asks more often than one address may: 1,000 times a minute.
func firewallAnswers429(ctx context.Context, s *Stack) Answer {
	var lock sync.Mutex
	statuses, errs := map[int]int{}, map[string]int{}
	var all sync.WaitGroup
	requests := make(chan struct{})
	for range 50 {
		all.Go(func() {
			for range requests {
				status, err := s.Status(ctx, "https://ws."+s.host()+"/mqtt")
				lock.Lock()
				if err != nil {
					errs[err.Error()]++
				} else {
					statuses[status]++
				}
				lock.Unlock()
			}
		})
	}
	for range 1500 {
		requests <- struct{}{}
	}
	close(requests)
	all.Wait()
	return when(statuses[http.StatusTooManyRequests] > 0, "of 1,500 requests: %v, errors %d", statuses, len(errs))
}
