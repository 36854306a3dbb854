package stacks

import (
	"math"

	"github.com/amora-sync/mqtt-on-azure/internal/costs"
	"github.com/amora-sync/mqtt-on-azure/internal/sizing"
)

// measurement is what a broker took when it was measured; docs/figures.md says how.
type measurement struct {
	broker          string // with its version
	connectionKiB   int    // idle, with one subscription
	messagesPerCore [3]int // by QoS, of 128 bytes, each in a packet of its own
}

// There is none of the HiveMQ that is deployed: its free edition says nothing about memory.
var measured = map[string]measurement{
	EMQXContainerApps: {"EMQX 5.8.9", 42, [3]int{17_400, 13_900, 11_400}},
	VerneMQVMs:        {"VerneMQ 2.1.2", 141, [3]int{9600, 4000, 3700}},
}

// of is the figures for a load. Larger messages count as they do in the planning figures.
func (m measurement) of(l sizing.Load) (connectionKiB, messagesPerCore int) {
	small := sizing.Load{QoS: l.QoS}
	share := l.MessagesPerCore().Default / small.MessagesPerCore().Default
	return m.connectionKiB, int(math.Round(float64(m.messagesPerCore[l.QoS]) * share))
}

// Figures are what a plan reckons with, and what that comes to.
type Figures struct {
	ConnectionKiB   float64   `json:"connectionKiB"`
	MessagesPerCore float64   `json:"messagesPerCore"`
	Nodes           int       `json:"nodes"`
	Connections     float64   `json:"connections"`       // after the loss of a zone
	Messages        float64   `json:"messagesPerSecond"` // after the loss of a zone
	Cost            costs.Sum `json:"cost"`
}

// Measured is what the broker's measured figures would make of a plan. They are of idle connections and small messages,
// so that they are the most to hope for.
type Measured struct {
	Broker string `json:"broker"` // with its version
	Figures
	Short string `json:"short,omitempty"` // what is short where they don't hold the load
}

func figuresOf(c Config, p Plan, total costs.Sum) Figures {
	f := c.Capacity.figures()
	return Figures{
		ConnectionKiB: 1024 * f.Connection().Default, MessagesPerCore: f.Messages(c.load()).Default, Nodes: p.Capacity.Nodes,
		Connections: p.Capacity.Connections.Typical, Messages: p.Capacity.Messages.Typical, Cost: total,
	}
}

// foretellMeasured plans the config once more with what was measured, and with as many nodes as its load then takes.
func foretellMeasured(stack string, c Config, book costs.Book) (*Measured, error) {
	m, known := measured[c.Broker]
	if !known {
		return nil, nil
	}
	k := &c.Capacity
	k.ConnectionKiB, k.MessagesPerCore = m.of(c.load())
	if c.load().Asks() {
		k.MinNodes = 0
		c.fillNodes()
		k.MaxNodes = max(k.MaxNodes, k.MinNodes)
	}
	p := NewPlan(stack, c)
	estimate, err := p.estimate(book)
	if err != nil {
		return nil, err
	}
	all := &Measured{Broker: m.broker, Figures: figuresOf(c, p, estimate.Total)}
	if p.Capacity.Headroom < 0 {
		all.Short = p.Capacity.Binding
	}
	return all, nil
}
