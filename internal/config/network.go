package config

// NetworkKeys are the file keys of all programs together: network.yaml holds the
// addresses of one network in one place, so each program passes over what only
// another one needs.
var NetworkKeys = []string{
	"cp_id", "central_ip", "central_port", "engine_ip", "engine_port", "instance", "framing",
	"interval", "timeout", "fall", "rise", "report_every", "heartbeat",
	"kafka_brokers", "kafka_topic", "kafka_compression", "state_max_size", "sync_every", "keep",
}
