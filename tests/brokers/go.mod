module github.com/amora-sync/mqtt-on-azure/tests/brokers

go 1.26.0

require (
	github.com/amora-sync/mqtt-on-azure v0.0.0
	github.com/eclipse/paho.golang v0.23.0
	golang.org/x/crypto v0.58.0
	golang.org/x/net v0.60.0
)

replace github.com/amora-sync/mqtt-on-azure => ../..
