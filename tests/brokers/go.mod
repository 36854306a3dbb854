module github.com/amora-sync/mqtt-on-azure/tests/brokers

go 1.26.0

require (
	github.com/amora-sync/mqtt-on-azure v0.0.0
	github.com/eclipse/paho.golang v0.23.0
	github.com/eclipse/paho.mqtt.golang v1.5.1
	golang.org/x/crypto v0.58.0
	golang.org/x/net v0.60.0
)

require (
	github.com/gorilla/websocket v1.5.4-0.20250319132907-e064f32e3674 // indirect
	golang.org/x/sync v0.24.0 // indirect
)

replace github.com/amora-sync/mqtt-on-azure => ../..
