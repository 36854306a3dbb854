// Package smoke proves that a deployed broker does what its clients count on, with real clients of MQTT 3.1.1 and 5
// over TLS and WebSocket.
package smoke

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Target is an endpoint, and who may do what there.
type Target struct {
	URL       string         // mqtts://HOST[:8883] or wss://HOST[:443]/PATH
	CAs       *x509.CertPool // one of which the endpoint's certificate must come from; nil: those of the machine
	Username  string
	Password  string // or a token
	Topic     string // the user may publish and subscribe below it …
	Forbidden string // … and not here

	Timeout     time.Duration // of each step
	MaxLatency  time.Duration // that 95 of 100 round trips must keep to
	MinLifetime time.Duration // that the certificate must have before it
}

// Result is what a check came to.
type Result struct {
	Endpoint string        `json:"endpoint"`
	Check    string        `json:"check"`
	Passed   bool          `json:"passed"`
	Detail   string        `json:"detail"` // figures, or what went wrong
	Took     time.Duration `json:"took"`
}

// ErrFailed says that a check did not pass.
var ErrFailed = errors.New("smoke: not every check passed")

// address is where to connect to, and whether by WebSocket.
func (t Target) address() (u *url.URL, host string, webSocket bool, err error) {
	if u, err = url.Parse(t.URL); err != nil {
		return nil, "", false, err
	}
	ports := map[string]string{"mqtts": "8883", "wss": "443"}
	port, known := ports[u.Scheme]
	if !known || u.Hostname() == "" {
		return nil, "", false, fmt.Errorf("%s: must be mqtts://HOST or wss://HOST/PATH", t.URL)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return u, net.JoinHostPort(u.Hostname(), port), u.Scheme == "wss", nil
}

func (t Target) tls(host string) *tls.Config {
	return &tls.Config{RootCAs: t.CAs, ServerName: host, MinVersion: tls.VersionTLS12}
}

// Run makes every check of an endpoint, one after the other, and tells each result as it comes. It ends with
// [ErrFailed] when one did not pass.
func Run(ctx context.Context, t Target, tell func(Result)) error {
	failed := false
	for _, c := range checks() {
		started := time.Now()
		step, cancel := context.WithTimeout(ctx, time.Duration(c.steps)*t.Timeout)
		detail, err := c.run(step, t)
		cancel()
		r := Result{Endpoint: t.URL, Check: c.name, Passed: err == nil, Detail: detail, Took: time.Since(started)}
		if err != nil {
			r.Detail, failed = err.Error(), true
		}
		tell(r)
		if ctx.Err() != nil {
			return errors.Join(ErrFailed, ctx.Err())
		}
	}
	if failed {
		return ErrFailed
	}
	return nil
}

// check is one thing that must hold.
type check struct {
	name  string
	steps int // how many times the target's timeout it may take
	run   func(context.Context, Target) (string, error)
}

func checks() []check {
	all := []check{{"the certificate is trusted and lasts", 1, certificate}}
	for _, v := range []version{v311, v5} {
		of := func(name string, steps int, run func(context.Context, Target, version) (string, error)) {
			all = append(all, check{fmt.Sprintf("MQTT %s: %s", v, name), steps,
				func(ctx context.Context, t Target) (string, error) { return run(ctx, t, v) }})
		}
		of("the user connects", 1, connects)
		of("a wrong password is refused", 1, wrongPassword)
		of("nobody connects without a name", 1, anonymous)
		of("a forbidden topic is refused", 2, forbidden)
		for _, qos := range []byte{0, 1, 2} {
			of(fmt.Sprintf("messages of QoS %d arrive once and in time", qos), 4,
				func(ctx context.Context, t Target, v version) (string, error) { return roundTrips(ctx, t, v, qos) })
		}
		of("a retained message waits for who comes later", 4, retained)
		of("a session is taken up again with what came meanwhile", 5, resumes)
	}
	return all
}

// unique is a name that no other run has.
func unique() string {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // never fails, says crypto/rand
	}
	return "smoke-" + hex.EncodeToString(b[:])
}

// user has a client id that the stack's rule gives to it: see security.clientIds.
func (t Target) user() identity {
	return identity{id: t.clientID(unique()), username: t.Username, password: t.Password, clean: true}
}

func (t Target) clientID(name string) string { return t.Username + ":" + name }

func (t Target) topic(name string) string { return strings.TrimSuffix(t.Topic, "/") + "/" + name }

func certificate(ctx context.Context, t Target) (string, error) {
	_, host, _, err := t.address()
	if err != nil {
		return "", err
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return "", err
	}
	c, err := (&tls.Dialer{Config: t.tls(name)}).DialContext(ctx, "tcp", host)
	if err != nil {
		return "", err
	}
	defer c.Close()
	state := c.(*tls.Conn).ConnectionState()
	leaf := state.PeerCertificates[0]
	if left := time.Until(leaf.NotAfter); left < t.MinLifetime {
		return "", fmt.Errorf("it expires in %d days, on %s", int(left.Hours()/24), leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return fmt.Sprintf("%s until %s, by %s", tls.VersionName(state.Version), leaf.NotAfter.UTC().Format(time.DateOnly),
		leaf.Issuer.CommonName), nil
}

func connects(ctx context.Context, t Target, v version) (string, error) {
	c, err := dial(ctx, t, v, t.user())
	if err != nil {
		return "", err
	}
	return "", c.close()
}

// refused turns a connection that was taken into an error, and one that the broker refused into what it said.
func refused(ctx context.Context, t Target, v version, who identity) (string, error) {
	c, err := dial(ctx, t, v, who)
	var no refusal
	switch {
	case errors.As(err, &no):
		return no.Error(), nil
	case err != nil:
		return "", fmt.Errorf("the broker did not answer: %w", err)
	default:
		return "", errors.Join(errors.New("the broker let it in"), c.close())
	}
}

func wrongPassword(ctx context.Context, t Target, v version) (string, error) {
	who := t.user()
	who.password = unique()
	return refused(ctx, t, v, who)
}

func anonymous(ctx context.Context, t Target, v version) (string, error) {
	return refused(ctx, t, v, identity{id: unique(), clean: true})
}

// forbidden asks for what the user may not have. A broker refuses by its answer, or hangs up and gives the reason; MQTT
// 3.1.1 has no reason for hanging up, and no refusal of what is published.
func forbidden(ctx context.Context, t Target, v version) (string, error) {
	reader, err := dial(ctx, t, v, t.user())
	if err != nil {
		return "", err
	}
	said, err := denied("a subscription to "+t.Forbidden, v, reader.subscribe(ctx, t.Forbidden, 1))
	_ = reader.close() // the broker may have hung up
	if err != nil || v != v5 {
		return "subscription: " + said, err
	}
	writer, err := dial(ctx, t, v, t.user())
	if err != nil {
		return "", err
	}
	toMessage, err := denied("a message to "+t.Forbidden, v, writer.publish(ctx, t.Forbidden, 1, false, []byte("smoke")))
	_ = writer.close()
	return "subscription: " + said + "; message: " + toMessage, err
}

// denied turns a refusal into what the broker said, and all else that a broker does with what it must not take into an
// error.
func denied(what string, v version, err error) (string, error) {
	var no refusal
	switch {
	case errors.As(err, &no), v == v311 && errors.Is(err, errHungUp):
		return err.Error(), nil
	case err == nil:
		return "", fmt.Errorf("%s was taken", what)
	case errors.Is(err, context.DeadlineExceeded):
		return "", fmt.Errorf("%s was not answered", what)
	default:
		return "", fmt.Errorf("%s was not refused: %w", what, err)
	}
}

// primer is the payload of what is published only to see that a subscription serves.
const primer = "ready?"

// again is how long a client waits for something before it asks for it once more.
const again = 250 * time.Millisecond

// serves publishes from one client until something comes to the other. A broker may grant a subscription a moment
// before it serves, on another node above all: VerneMQ misses what is published at once 5 times of 1,000. After that
// nothing may be lost.
func serves(ctx context.Context, t Target, from, to client, topic string, qos byte) error {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	for {
		if err := from.publish(ctx, topic, qos, false, []byte(primer)); err != nil {
			return fmt.Errorf("message: %w", err)
		}
		wait, stop := context.WithTimeout(ctx, again)
		_, err := to.next(wait)
		stop()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the subscription was granted, and nothing came in %s: %w", t.Timeout, ctx.Err())
		}
	}
}

// nextButPrimers is the next message that is not one of [serves].
func nextButPrimers(ctx context.Context, c client, wait time.Duration) (message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		m, err := c.next(ctx)
		if err != nil || string(m.payload) != primer {
			return m, err
		}
	}
}

// trips is how many messages are sent of each QoS.
const trips = 20

func roundTrips(ctx context.Context, t Target, v version, qos byte) (string, error) {
	c, err := dial(ctx, t, v, t.user())
	if err != nil {
		return "", err
	}
	defer c.close()
	topic := t.topic(unique())
	if err := c.subscribe(ctx, topic, qos); err != nil {
		return "", fmt.Errorf("subscription: %w", err)
	}
	if err := serves(ctx, t, c, c, topic, qos); err != nil {
		return "", err
	}
	var took []time.Duration
	for i := range trips {
		payload := fmt.Sprintf("%d", i)
		began := time.Now()
		if err := c.publish(ctx, topic, qos, false, []byte(payload)); err != nil {
			return "", fmt.Errorf("message %d: %w", i, err)
		}
		m, err := nextButPrimers(ctx, c, t.Timeout)
		if err != nil {
			return "", fmt.Errorf("message %d did not come back: %w", i, err)
		}
		if string(m.payload) != payload || m.qos != qos {
			return "", fmt.Errorf("message %d came back as %q with QoS %d", i, m.payload, m.qos)
		}
		took = append(took, time.Since(began))
	}
	// Whatever comes now came twice.
	if m, err := nextButPrimers(ctx, c, 200*time.Millisecond); err == nil && qos != 1 {
		return "", fmt.Errorf("message %q came twice", m.payload)
	}
	p := percentilesOf(took)
	if p.P95 > t.MaxLatency {
		return "", fmt.Errorf("95 of 100 take up to %s, and may take %s", p.P95.Round(time.Millisecond), t.MaxLatency)
	}
	return p.String(), nil
}

func retained(ctx context.Context, t Target, v version) (said string, err error) {
	writer, err := dial(ctx, t, v, t.user())
	if err != nil {
		return "", err
	}
	defer writer.close()
	topic := t.topic(unique())
	if err := writer.publish(ctx, topic, 1, true, []byte("kept")); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, writer.publish(ctx, topic, 1, true, nil)) }() // takes it away again
	reader, err := dial(ctx, t, v, t.user())
	if err != nil {
		return "", err
	}
	defer reader.close()
	m, err := retainedFor(ctx, t, reader, topic)
	if err != nil {
		return "", err
	}
	if string(m.payload) != "kept" || !m.retained {
		return "", fmt.Errorf("it came as %q, retained: %v", m.payload, m.retained)
	}
	return "", nil
}

// retainedFor subscribes until the retained message comes: it may reach the client's node a moment later than the one
// that took it.
func retainedFor(ctx context.Context, t Target, reader client, topic string) (message, error) {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	for {
		if err := reader.subscribe(ctx, topic, 1); err != nil {
			return message{}, err
		}
		wait, stop := context.WithTimeout(ctx, again)
		m, err := reader.next(wait)
		stop()
		if err == nil {
			return m, nil
		}
		if ctx.Err() != nil {
			return message{}, fmt.Errorf("it did not come in %s: %w", t.Timeout, ctx.Err())
		}
	}
}

func resumes(ctx context.Context, t Target, v version) (string, error) {
	who := t.user()
	who.clean = false
	topic := t.topic(unique())
	first, err := dial(ctx, t, v, who)
	if err != nil {
		return "", err
	}
	writer, err := dial(ctx, t, v, t.user())
	if err != nil {
		return "", errors.Join(err, first.close())
	}
	if err := first.subscribe(ctx, topic, 1); err != nil {
		return "", errors.Join(err, first.close(), writer.close())
	}
	// On the writer's node too.
	if err := errors.Join(serves(ctx, t, writer, first, topic, 1), first.close()); err != nil {
		return "", errors.Join(err, writer.close())
	}
	if err := errors.Join(writer.publish(ctx, topic, 1, false, []byte("meanwhile")), writer.close()); err != nil {
		return "", err
	}
	second, err := dial(ctx, t, v, who)
	if err != nil {
		return "", err
	}
	m, errNext := nextButPrimers(ctx, second, t.Timeout)
	resumed := second.resumed()
	err = second.close()
	who.clean = true // ends the session
	if last, errLast := dial(ctx, t, v, who); errLast == nil {
		err = errors.Join(err, last.close())
	}
	switch {
	case !resumed:
		return "", errors.New("the broker had no session any more")
	case errNext != nil:
		return "", fmt.Errorf("what came meanwhile did not come: %w", errNext)
	case string(m.payload) != "meanwhile":
		return "", fmt.Errorf("%q came", m.payload)
	}
	return "", err
}

// Percentiles are of round-trip times.
type Percentiles struct {
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

func percentilesOf(took []time.Duration) Percentiles {
	if len(took) == 0 {
		return Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(took))
	at := func(share float64) time.Duration { return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))] }
	return Percentiles{P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: sorted[len(sorted)-1]}
}

func (p Percentiles) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, max %s", round(p.P50), round(p.P95), round(p.P99), round(p.Max))
}
