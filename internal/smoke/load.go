package smoke

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// What one machine can play without being what is measured.
const (
	mostConnections = 10_000
	mostRate        = 20_000 // messages a second
	mostDuration    = time.Hour
	atATime         = 50 // connections that are opened together
	stampBytes      = 8
)

// Load is a bounded load: so many clients, which publish so many messages a second together, each to itself.
type Load struct {
	Connections int
	Rate        int // messages a second, of all clients together
	Duration    time.Duration
	QoS         byte
	Payload     int // bytes
}

// Check says what is not a load that one machine should play.
func (l Load) Check() error {
	var all []error
	for _, b := range []struct {
		name               string
		value, least, most int
	}{
		{"connections", l.Connections, 1, mostConnections}, {"rate", l.Rate, 1, mostRate},
		{"seconds of duration", int(l.Duration / time.Second), 1, int(mostDuration / time.Second)},
		{"QoS", int(l.QoS), 0, 2}, {"bytes of payload", l.Payload, stampBytes, 1 << 20},
	} {
		if b.value < b.least || b.value > b.most {
			all = append(all, fmt.Errorf("%s: %d is not from %d to %d", b.name, b.value, b.least, b.most))
		}
	}
	return errors.Join(all...)
}

// Report is what a load came to.
type Report struct {
	Connected int           `json:"connected"`
	Refused   int           `json:"refused"`
	Sent      int64         `json:"sent"`
	Failed    int64         `json:"failed"` // messages that the broker did not take
	Received  int64         `json:"received"`
	Took      time.Duration `json:"took"`
	Latency   Percentiles   `json:"latency"`
	FirstErr  string        `json:"firstError,omitempty"`
}

// Lost is how many messages the broker took and did not deliver.
func (r Report) Lost() int64 { return r.Sent - r.Received }

// played is a load while it runs.
type played struct {
	Load
	target  Target
	clients []client
	sent    atomic.Int64
	failed  atomic.Int64
	came    atomic.Int64

	mu      sync.Mutex
	latency []time.Duration
	first   error
}

// Play puts a load on an endpoint, and tells how it goes once a second. It ends with [ErrFailed] when a client was
// refused or a message of QoS 1 or 2 was lost.
func Play(ctx context.Context, t Target, l Load, tell func(Report)) (Report, error) {
	if err := l.Check(); err != nil {
		return Report{}, err
	}
	p := &played{Load: l, target: t}
	reading, stop := context.WithCancel(ctx)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	run := unique()
	p.connect(ctx, reading, &readers, run)
	began := time.Now()
	p.send(ctx, func() { tell(p.report(began)) })
	for waited := time.Now(); p.came.Load() < p.sent.Load() && time.Since(waited) < t.Timeout && ctx.Err() == nil; {
		time.Sleep(20 * time.Millisecond)
	}
	r := p.report(began)
	for _, c := range p.clients {
		_ = c.close() // who has hung up already is counted by what it lost
	}
	if r.Refused > 0 || r.Failed > 0 || r.Lost() > 0 && l.QoS > 0 {
		return r, ErrFailed
	}
	return r, ctx.Err()
}

// connect opens all connections, some at a time, and has each read what comes.
func (p *played) connect(ctx, reading context.Context, readers *sync.WaitGroup, run string) {
	var opening sync.WaitGroup
	slots := make(chan struct{}, atATime)
	for i := range p.Connections {
		opening.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; opening.Done() }()
			c, err := p.open(ctx, i, run)
			p.mu.Lock()
			defer p.mu.Unlock()
			if err != nil {
				p.note(err)
				return
			}
			p.clients = append(p.clients, c)
			readers.Add(1)
			go func() {
				defer readers.Done()
				p.read(reading, c)
			}()
		}()
	}
	opening.Wait()
}

func (p *played) open(ctx context.Context, i int, run string) (client, error) {
	step, cancel := context.WithTimeout(ctx, p.target.Timeout)
	defer cancel()
	who := p.target.user()
	who.id = p.target.clientID(fmt.Sprintf("%s-%d", run, i))
	c, err := dial(step, p.target, v5, who)
	if err != nil {
		return nil, err
	}
	err = c.subscribe(step, p.target.topic(who.id), p.QoS)
	if err == nil {
		err = serves(step, p.target, c, c, p.target.topic(who.id), p.QoS)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// note keeps the first thing that went wrong. The lock is held.
func (p *played) note(err error) {
	if p.first == nil {
		p.first = err
	}
}

func (p *played) read(ctx context.Context, c client) {
	for {
		m, err := c.next(ctx)
		if err != nil {
			return
		}
		if string(m.payload) == primer {
			continue
		}
		took := time.Duration(time.Now().UnixNano() - int64(binary.BigEndian.Uint64(m.payload)))
		p.came.Add(1)
		p.mu.Lock()
		p.latency = append(p.latency, took)
		p.mu.Unlock()
	}
}

// send publishes at the rate, each client in turn.
func (p *played) send(ctx context.Context, tell func()) {
	if len(p.clients) == 0 {
		return
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	every := time.NewTicker(time.Second / time.Duration(p.Rate))
	defer every.Stop()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	end := time.After(p.Duration)
	for i := 0; ; {
		select {
		case <-every.C:
			n := i % len(p.clients)
			i++
			sending.Add(1)
			go func() {
				defer sending.Done()
				p.publish(ctx, p.clients[n])
			}()
		case <-second.C:
			tell()
		case <-end:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (p *played) publish(ctx context.Context, c client) {
	step, cancel := context.WithTimeout(ctx, p.target.Timeout)
	defer cancel()
	payload := make([]byte, p.Payload)
	binary.BigEndian.PutUint64(payload, uint64(time.Now().UnixNano()))
	if err := c.publish(step, p.target.topic(c.name()), p.QoS, false, payload); err != nil {
		p.failed.Add(1)
		p.mu.Lock()
		p.note(err)
		p.mu.Unlock()
		return
	}
	p.sent.Add(1)
}

func (p *played) report(began time.Time) Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Report{
		Connected: len(p.clients), Refused: p.Connections - len(p.clients), Sent: p.sent.Load(),
		Failed: p.failed.Load(), Received: p.came.Load(),
		Took: time.Since(began), Latency: percentilesOf(p.latency),
	}
	if p.first != nil {
		r.FirstErr = p.first.Error()
	}
	return r
}
