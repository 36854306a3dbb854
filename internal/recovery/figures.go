package recovery

import (
	"fmt"
	"time"
)

// Where figures come from. What Microsoft gives no figure for is a planning figure: an assumption that is stated, to be
// replaced by what a drill shows.
const (
	continuity = "learn.microsoft.com/azure/postgresql/backup-restore/concepts-business-continuity"
	planning   = "planning figure"
)

// LoginTakes is what one password costs the database, on one of its cores: bcrypt, measured. It is in no sum, since it
// depends on how many clients come back at once.
const LoginTakes = 54 * time.Millisecond

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// TrafficManager is how long it leads clients to a region that is gone, at the worst: the region goes just after a
// probe, one more probe than are tolerated has to fail, and the last one is waited for.
func TrafficManager(interval, timeout, tolerated, ttl float64) []Step {
	return []Step{
		{What: "Traffic Manager's probes fail", Takes: seconds((tolerated+1)*interval + timeout),
			Source: fmt.Sprintf("%g probes %g s apart and a timeout of %g s, as configured", tolerated+1, interval, timeout)},
		Forget(ttl),
	}
}

// Forget is how long resolvers keep an answer (seconds).
func Forget(ttl float64) Step {
	return Step{What: "resolvers forget the old address", Takes: seconds(ttl),
		Source: fmt.Sprintf("TTL of %g s, as configured", ttl)}
}

// FrontDoor is how long it leads clients to an origin that is gone, at the worst: the origin goes just after a probe,
// so many of the last samples have to fail that too few are left, and the last one is waited for until the next would
// be sent.
func FrontDoor(interval, samples, successes float64) []Step {
	failures := samples - successes + 1
	return []Step{{What: "Front Door's probes fail", Takes: seconds((failures + 1) * interval),
		Source: fmt.Sprintf("%g of %g samples %g s apart, as configured", failures, samples, interval)}}
}

// LoadBalancer is how long a load balancer sends new connections to a node that is gone, at the worst. A probe fails
// when the next one is due.
func LoadBalancer(interval, threshold float64) []Step {
	return []Step{{What: "the load balancer's probes fail", Takes: seconds((threshold + 1) * interval),
		Source: fmt.Sprintf(
			"%g probes %g s apart, as configured (learn.microsoft.com/azure/load-balancer/"+
				"load-balancer-custom-probe-overview)", threshold, interval)}}
}

// ClusterLoadBalancer is the same for a load balancer that Kubernetes makes: 2 probes, 5 seconds apart.
func ClusterLoadBalancer() []Step {
	steps := LoadBalancer(5, 2)
	steps[0].Source = "2 probes 5 s apart, the defaults of Azure's cloud provider for Kubernetes"
	return steps
}

// Proxy is how long HAProxy sends new connections to a node that hangs, at the worst: 2 s until the next check, which
// waits 3 s, and half a second later a second one, which waits as long.
func Proxy() []Step {
	return []Step{{What: "the proxy's checks fail", Takes: seconds(2 + 3 + 0.5 + 3),
		Source: "inter 2s, fastinter 500ms, fall 2 and timeout check 3s in haproxy.cfg"}}
}

// Gateway is how long an Application Gateway in several zones needs after the loss of one.
func Gateway() []Step {
	return []Step{{What: "the gateway leads clients to its other instances", Takes: 10 * time.Second,
		Source: "Microsoft says a few seconds (learn.microsoft.com/azure/reliability/" +
			"reliability-application-gateway-v2); " + planning}}
}

// Ingress is how long Container Apps leads clients to replicas in a zone that is lost.
func Ingress() []Step {
	return []Step{{What: "Container Apps leads clients to the proxies that are left", Takes: time.Minute,
		Source: "Microsoft says that it is automatic, not how long it takes; " + planning}}
}

// Replicas is how long Container Apps needs to start what ran on a host that is lost on another one.
func Replicas() []Step {
	return []Step{
		{What: "Container Apps gives the host up", Takes: 50 * time.Second,
			Source: "Kubernetes' default node-monitor-grace-period since 1.32; Microsoft gives no figure"},
		{What: "it moves what ran there", Takes: 5 * time.Minute,
			Source: "Kubernetes' default toleration of a host that does not answer; Microsoft gives no figure"},
		{What: "the node starts", Takes: time.Minute, Source: planning},
	}
}

// CacheFailover is how long Redis needs to make its replica the one that answers.
func CacheFailover() []Step {
	return []Step{{What: "Redis's replica takes over", Takes: time.Minute, Source: planning}}
}

func failover() []Step {
	return []Step{{What: "PostgreSQL's standby takes over", Takes: 2 * time.Minute, Source: "60 to 120 s (" +
		continuity + ")"}}
}

func serverRestart() []Step {
	return []Step{{What: "Azure restarts PostgreSQL, on another host if need be", Takes: 10 * time.Minute,
		Source: "Microsoft says that it depends on what was under way (" + continuity + "); " + planning}}
}

func noticed() Step {
	return Step{What: "a person is woken and decides", Takes: 15 * time.Minute, Source: planning, ByHand: true}
}

func restored() Step {
	return Step{What: "the database is restored from its backup", Takes: 3 * time.Hour, ByHand: true,
		Source: "from a few minutes up to a few hours (learn.microsoft.com/azure/postgresql/backup-restore/" +
			"concepts-backup-restore); " + planning}
}

func redeployed() Step {
	return Step{What: "pulumi up makes what is missing", Takes: 30 * time.Minute, ByHand: true,
		Source: "the critical path of a first deployment, 26 minutes in the rehearsal"}
}

func ledAway() Step {
	return Step{What: "pulumi up with availability.active at the other region", Takes: 5 * time.Minute,
		Source: planning, ByHand: true}
}

// How old users and rules may be afterwards.
const (
	// typically 30 seconds to 5 minutes (continuity); under a heavy load of writes it can be hours
	replicaLag = 5 * time.Minute
	backupAge  = 5 * time.Minute // less than that, in the region (continuity)
	geoAge     = time.Hour       // less than that, in the paired region (continuity)
	diskAge    = 24 * time.Hour  // one backup a day
)
