package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/amora-sync/mqtt-on-azure/internal/smoke"
)

// passwordVariable holds the user's password or token: arguments are visible to every process.
const passwordVariable = "MQTT_PASSWORD"

// smokeTest makes the command that proves endpoints.
func smokeTest() *cobra.Command {
	var endpoints []string
	var user, topic, forbidden, ca string
	var asJSON bool
	var t smoke.Target
	var load smoke.Load
	command := &cobra.Command{
		Use: "smoke --endpoint URL --user NAME", Short: "Prove that a deployed broker does what clients count on",
		Args: cobra.NoArgs,
		Long: `Prove an endpoint, or several, with real clients of MQTT 3.1.1 and 5: certificate, logins, topic rules, QoS 0 to 2, retained messages, sessions.
The password, or a token, is in the variable ` + passwordVariable + `. The user must be allowed what is below --topic, and nothing else:

    amora user add smoke --stack dev && amora user allow smoke 'smoke/#' all --stack dev

With --connections it also puts a bounded load on each endpoint. It ends with 0 when everything passed.`,
		RunE: func(c *cobra.Command, _ []string) error {
			t.Username, t.Password, t.Topic, t.Forbidden = user, os.Getenv(passwordVariable), topic, forbidden
			if t.Password == "" {
				return errors.New(passwordVariable + " is not set: it holds the user's password")
			}
			var err error
			if t.CAs, err = authorities(ca); err != nil {
				return err
			}
			p := &proof{out: c.OutOrStdout(), progress: c.ErrOrStderr(), json: asJSON}
			for _, endpoint := range endpoints {
				t.URL = endpoint
				if err := p.prove(c, t, load); err != nil {
					return err
				}
			}
			return p.end()
		},
	}
	flags := command.Flags()
	flags.StringArrayVar(&endpoints, "endpoint", nil,
		"mqtts://HOST[:8883] or wss://HOST/mqtt, as the stack's outputs have them; may be given several times")
	flags.StringVar(&user, "user", "", "MQTT username")
	flags.StringVar(&topic, "topic", "smoke", "the user may do everything below it")
	flags.StringVar(&forbidden, "forbidden-topic", "smoke-forbidden", "the user may do nothing here")
	flags.StringVar(&ca, "ca", "", "file of certificates in PEM to trust besides those of the machine")
	flags.DurationVar(&t.Timeout, "timeout", 10*time.Second, "of each step")
	flags.DurationVar(&t.MaxLatency, "max-latency", time.Second, "that 95 of 100 round trips must keep to")
	flags.DurationVar(&t.MinLifetime, "min-lifetime", 14*24*time.Hour, "that the certificate must have before it")
	flags.IntVar(&load.Connections, "connections", 0, "play this many clients as well, up to 10,000")
	flags.IntVar(&load.Rate, "rate", 100, "messages a second that they publish together")
	flags.DurationVar(&load.Duration, "duration", 10*time.Second, "of the load")
	flags.Uint8Var(&load.QoS, "qos", 1, "of its messages")
	flags.IntVar(&load.Payload, "payload", 256, "bytes of its messages")
	flags.BoolVar(&asJSON, "json", false, "print one JSON document; progress goes to standard error")
	for _, required := range []string{"endpoint", "user"} {
		if err := command.MarkFlagRequired(required); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return command
}

// authorities are the machine's, nil, or these and those of a file: of a self-signed stack with EMQX, wss:// is Front
// Door's, with a public certificate.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("--ca %s: holds no certificate in PEM", file)
	}
	return pool, nil
}

// proof is what endpoints came to.
type proof struct {
	out, progress io.Writer
	json          bool
	failed        bool

	Results []smoke.Result `json:"results"`
	Loads   []played       `json:"loads,omitempty"`
}

type played struct {
	Endpoint string `json:"endpoint"`
	smoke.Report
}

func (p *proof) prove(c *cobra.Command, t smoke.Target, load smoke.Load) error {
	err := smoke.Run(c.Context(), t, func(r smoke.Result) {
		p.Results = append(p.Results, r)
		if !p.json {
			fmt.Fprintf(p.out, "%s  %-70s %s\n", map[bool]string{true: "ok  ", false: "FAIL"}[r.Passed],
				t.URL+"  "+r.Check, r.Detail)
		}
	})
	if err != nil && !errors.Is(err, smoke.ErrFailed) {
		return err
	}
	p.failed = p.failed || err != nil
	if load.Connections == 0 {
		return c.Context().Err()
	}
	report, err := smoke.Play(c.Context(), t, load, func(r smoke.Report) {
		fmt.Fprintf(p.progress, "%4.0f s  %d connected, %d sent, %d received, %s\n", r.Took.Seconds(), r.Connected,
			r.Sent, r.Received, r.Latency)
	})
	if err != nil && !errors.Is(err, smoke.ErrFailed) {
		return err
	}
	p.failed = p.failed || err != nil
	p.Loads = append(p.Loads, played{t.URL, report})
	if !p.json {
		fmt.Fprintf(p.out, "\nload on %s\n  connected  %d\n  refused    %d\n  sent       %d\n  not taken  %d\n"+
			"  received   %d\n  lost       %d\n  latency    %s\n",
			t.URL, report.Connected, report.Refused, report.Sent, report.Failed, report.Received, report.Lost(), report.Latency)
		if report.FirstErr != "" {
			fmt.Fprintf(p.out, "  first error  %s\n", report.FirstErr)
		}
	}
	return c.Context().Err()
}

func (p *proof) end() error {
	if p.json {
		if err := printJSON(p.out, p); err != nil {
			return err
		}
	}
	if p.failed {
		return smoke.ErrFailed
	}
	return nil
}
