package config_test

import (
	"errors"
	"io/fs"
	"time"

	"evcp"
	"evcp/internal/config"
)

// options is what the tests' program is configured with.
type options struct {
	cp                               evcp.CPID
	centralIP, engineIP, instance    string
	centralPort, enginePort          uint16
	interval, timeout, report, heart time.Duration
	fall, rise                       int
	brokers                          []string
	topic, compression, stateDir     string
	stateMax, keep                   int64
	test                             bool
	http, format, level, color       string
}

// monitor is the Monitor's table: the largest that there is.
func monitor(o *options) config.Program {
	cp, judge, events, run := "Charge point", "Judgement", "Events", "Running"
	return config.Program{
		Name:  "ev-cp-m",
		About: "Watches the Engine of a charge point and tells Central when it fails.",
		Usage: []config.Usage{{"[flags]", "watch until Ctrl-C"}, {"--test", "try Central, Engine and Kafka, and stop"}},
		Settings: []config.Setting{
			{Name: "cp-id", Arg: "ID", Default: "CP_001", EnvAliases: []string{"CP_ID"}, Group: cp, Help: "1 to 64 of A-Z a-z 0-9 . _ -", Set: config.CPID(&o.cp)},
			{Name: "central-ip", Arg: "HOST", Default: "localhost", EnvAliases: []string{"CENTRAL_IP"}, Group: cp, Set: config.Host(&o.centralIP)},
			{Name: "central-port", Arg: "PORT", Default: "5000", EnvAliases: []string{"CENTRAL_PORT"}, Group: cp, Set: config.Port(&o.centralPort)},
			{Name: "engine-ip", Arg: "HOST", Default: "localhost", EnvAliases: []string{"ENGINE_IP"}, Group: cp, Set: config.Host(&o.engineIP)},
			{Name: "engine-port", Arg: "PORT", Default: "5001", EnvAliases: []string{"ENGINE_PORT"}, Group: cp, Set: config.Port(&o.enginePort)},
			{Name: "instance", Arg: "NAME", DefaultText: "host name", Group: cp, Help: "tells two Monitors of one id apart", Set: config.Text(&o.instance)},
			config.FileFlag(cp, "network.yaml here, in .., in /etc/ev-cp-m"),
			{Name: "interval", Arg: "DURATION", Default: "1s", Group: judge, Help: "from check to check", Set: config.Duration(&o.interval, 10*time.Millisecond)},
			{Name: "timeout", Arg: "DURATION", DefaultText: "0.9 of --interval", Group: judge, Help: "longest wait for an answer", Set: config.Duration(&o.timeout, time.Millisecond)},
			{Name: "fall", Arg: "N", Default: "3", Group: judge, Help: "failures in a row that open an incident", Set: config.Count(&o.fall)},
			{Name: "rise", Arg: "N", Default: "1", Group: judge, Help: "OKs in a row that close it", Set: config.Count(&o.rise)},
			{Name: "report-every", Arg: "DURATION", Default: "30s", Group: judge, Help: "repeats an open report to Central; 0 = never", Set: config.Duration(&o.report, 0)},
			{Name: "heartbeat", Arg: "DURATION", Default: "5s", Group: judge, Help: "sign of life to Central; 0 = never", Set: config.Duration(&o.heart, 0)},
			{Name: "kafka-brokers", Arg: "LIST", Default: "localhost:9092", EnvAliases: []string{"KAFKA_BROKERS", "KAFKA_BROKER"}, Group: events, Help: `HOST:PORT,HOST:PORT; "" = none`, Set: config.HostPortList(&o.brokers, 9092)},
			{Name: "kafka-topic", Arg: "NAME", Default: "monitor-events", Group: events, Set: config.Text(&o.topic)},
			{Name: "kafka-compression", Arg: "NAME", Default: "none", Group: events, Help: "none, gzip, snappy, lz4 or zstd", Set: config.Choice(&o.compression, "none", "gzip", "snappy", "lz4", "zstd")},
			{Name: "state-dir", Arg: "DIR", DefaultText: "~/.local/state/ev-cp-m", Group: events, Help: "survives restarts", Set: config.Text(&o.stateDir)},
			{Name: "state-max-size", Arg: "SIZE", Default: "512MiB", Group: events, Help: "oldest plain OKs go first", Set: config.ByteSize(&o.stateMax, 1<<20)},
			{Name: "keep", Arg: "SIZE", Default: "64MiB", Group: events, Help: "delivered events kept for looking back", Set: config.ByteSize(&o.keep, 0)},
			{Name: "test", Group: run, Help: "exit 0 if a Monitor would do its work, else 1", Scope: config.FlagOnly, Set: config.Switch(&o.test)},
			{Name: "http", Arg: "HOST:PORT", DefaultText: "off", Group: run, Help: "/metrics /healthz /readyz /api/v1/status", Set: config.ListenOrOff(&o.http)},
			{Name: "log-format", Arg: "NAME", Default: "auto", Group: run, Help: "auto, text, logfmt or json", Set: config.Choice(&o.format, "auto", "text", "logfmt", "json")},
			{Name: "log-level", Arg: "NAME", Default: "info", Group: run, Help: "debug, info, warn or error", Set: config.Choice(&o.level, "debug", "info", "warn", "error")},
			{Name: "color", Arg: "WHEN", Default: "auto", Group: run, Help: "auto, always or never", Set: config.Choice(&o.color, "auto", "always", "never")},
			config.LanguageFlag(run),
		},
		Check: func() (setting string, why error) {
			if o.timeout > o.interval {
				return "timeout", errors.New("it must not exceed --interval (" + o.interval.String() + ")")
			}
			return "", nil
		},
		Files:   []string{"./network.yaml", "../network.yaml", "/etc/ev-cp-m/network.yaml"},
		Shared:  []string{"registry", "listen"},
		Example: "engine-port",
		Notes: []string{"Exit: 0 stopped as asked, 1 could not go on, 2 wrong usage or configuration, " +
			"3 Central refused the registration."},
	}
}

// env answers like os.Getenv.
func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// disk answers like os.ReadFile.
func disk(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
}
