package config_test

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp/internal/config"
	"evcp/internal/language"
)

// wrong loads and returns what a person reads, "" if all was well.
func wrong(t *testing.T, args string, vars map[string]string, files map[string]string) string {
	t.Helper()
	_, err := monitor(&options{}).Load(strings.Fields(args), env(vars), disk(files))
	if err == nil {
		return ""
	}
	if _, ok := errors.AsType[*config.LoadError](err); !ok {
		t.Fatalf("%T is no LoadError", err)
	}
	return err.Error()
}

func TestWrongUsageWordForWord(t *testing.T) {
	for _, c := range []struct {
		name, args  string
		vars, files map[string]string
		want        string
	}{
		{name: "unknown flag", args: "--engine-prt 5001", want: `
ev-cp-m: unknown flag --engine-prt. Did you mean --engine-port?
All flags: ev-cp-m --help`},
		{name: "bad port", args: "--engine-port 70000", want: `
ev-cp-m: --engine-port 70000: a port is a number from 1 to 65535`},
		{name: "Kubernetes", vars: map[string]string{"CENTRAL_PORT": "tcp://10.96.0.7:5000"}, want: `
ev-cp-m: CENTRAL_PORT "tcp://10.96.0.7:5000": a port is a number from 1 to
65535. Kubernetes sets this variable itself when a Service is named
"central". Set EVCP_CENTRAL_PORT, or enableServiceLinks: false.`},
		{name: "Kubernetes, our own prefix", vars: map[string]string{"EVCP_CENTRAL_PORT": "tcp://10.96.0.7:5000"}, want: `
ev-cp-m: EVCP_CENTRAL_PORT "tcp://10.96.0.7:5000": a port is a number from 1
to 65535. Kubernetes sets this variable itself when a Service is named
"evcp-central". Rename the Service, or set enableServiceLinks: false.`},
		{name: "file", files: map[string]string{"../network.yaml": "# site\n\ncentral_prot: 5000\n\n\n\nengine_port: 50o1\n"}, want: `
ev-cp-m: 2 errors in ../network.yaml; nothing was started.

../network.yaml:3: unknown key central_prot. Did you mean central_port?
    3 | central_prot: 5000
      | ^^^^^^^^^^^^
../network.yaml:7: engine_port "50o1": a port is a number from 1 to 65535
    7 | engine_port: 50o1
      |              ^^^^`},
		{name: "one error in the file", files: map[string]string{"./network.yaml": "fall: 0"}, want: `
ev-cp-m: ./network.yaml:1: fall "0": a whole number from 1 to 1000000 is
needed
    1 | fall: 0
      |       ^`},
		{name: "everywhere", args: "--engine-prt 5001 --fall x",
			vars:  map[string]string{"CP_ID": "CP 1"},
			files: map[string]string{"./network.yaml": "keep: 5"}, want: `
ev-cp-m: 4 errors; nothing was started.

unknown flag --engine-prt. Did you mean --engine-port?
CP_ID "CP 1": a charge point id is 1 to 64 of A-Z a-z 0-9 . _ -
--fall x: a whole number from 1 to 1000000 is needed
./network.yaml:1: keep "5": a size is a whole number with its unit: 64MiB,
1GiB
    1 | keep: 5
      |       ^

All flags: ev-cp-m --help`},
		{name: "missing value", args: "--engine-port", want: `
ev-cp-m: --engine-port needs a value: --engine-port PORT`},
		{name: "flag instead of a value", args: "--engine-port --test", want: `
ev-cp-m: --engine-port needs a value: --engine-port PORT`},
		{name: "argument", args: "start now", want: `
ev-cp-m: unexpected argument start. There are only flags.
All flags: ev-cp-m --help`},
		{name: "dashes forgotten", args: "engine-port 5001", want: `
ev-cp-m: unexpected argument engine-port. Did you mean --engine-port?
All flags: ev-cp-m --help`},
		{name: "one dash", args: "-engine-port 5001", want: `
ev-cp-m: unknown flag -engine-port. Did you mean --engine-port?
All flags: ev-cp-m --help`},
		{name: "choice", args: "--kafka-compression zip", want: `
ev-cp-m: --kafka-compression zip: choose none, gzip, snappy, lz4 or zstd`},
		{name: "least", args: "--interval 1us", want: `
ev-cp-m: --interval 1us: the least is 10ms`},
		{name: "between settings", args: "--interval 1s --timeout 2s", want: `
ev-cp-m: --timeout 2s: it must not exceed --interval (1s)`},
		{name: "named file missing", args: "--config nowhere.yaml", want: `
ev-cp-m: --config nowhere.yaml: no such file`},
		{name: "named file missing, variable", vars: map[string]string{"EVCP_CONFIG": "no where.yaml"}, want: `
ev-cp-m: EVCP_CONFIG "no where.yaml": no such file`},
		{name: "escapes", args: "--cp-id \x1b[31m\u202e", want: `
ev-cp-m: --cp-id "\x1b[31m\u202e": a charge point id is 1 to 64 of A-Z a-z
0-9 . _ -`},
		{name: "quotes", args: `--fall a"\n`, want: `
ev-cp-m: --fall "a\"\n": a whole number from 1 to 1000000 is needed`},
		{name: "an address with zeros", args: "--engine-ip 192.168.001.010", want: `
ev-cp-m: --engine-ip 192.168.001.010: an IPv4 address has no zeros before
its numbers; is 192.168.1.10 meant?`},
		{name: "an address cut short", args: "--kafka-brokers 192.168.1:9092", want: `
ev-cp-m: --kafka-brokers 192.168.1:9092: an IPv4 address is four numbers
from 0 to 255, as 192.168.1.10, and a name ends with a letter`},
		{name: "a port to listen on", args: "--http localhost:x", want: `
ev-cp-m: --http localhost:x: an address is HOST:PORT or :PORT, the port a
number from 0 (any free one) to 65535`},
		{name: "the folder above", args: "--cp-id ..", want: `
ev-cp-m: --cp-id ..: a charge point id names a folder, and . and .. are
other folders`},
		{name: "indented", files: map[string]string{"./network.yaml": "engine_port: 5001\n  # so\n  fall: 3\n"}, want: `
ev-cp-m: ./network.yaml:3: a key begins its line, without blanks or tabs
before it
    3 |   fall: 3
      |   ^^^^^^^`},
		{name: "indented by a tab", files: map[string]string{"./network.yaml": "\tcp_id: CP_1\n"}, want: `
ev-cp-m: ./network.yaml:1: a key begins its line, without blanks or tabs
before it
    1 |  cp_id: CP_1
      |  ^^^^^^^^^^^`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := wrong(t, c.args, c.vars, c.files); got != c.want[1:] {
				t.Errorf("got\n%s\nwant%s", got, c.want)
			}
		})
	}
}

func TestCommandsAreNamed(t *testing.T) {
	p := monitor(&options{})
	p.Commands = []string{"events", "explain", "status"}
	for args, want := range map[string]string{
		"xyzzy":      "unknown command xyzzy. The commands are events, explain and status.",
		"statsu now": "unknown command statsu. Did you mean status?",
		"status now": "unexpected argument now.",
		"":           "",
	} {
		_, err := p.Load(strings.Fields(args), env(nil), disk(nil))
		if err == nil && want == "" {
			continue
		}
		if err == nil || strings.Join(strings.Fields(err.Error()), " ") != "ev-cp-m: "+want+" All flags: ev-cp-m --help" {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// A command of some programs is followed by one argument.
func TestOperand(t *testing.T) {
	p := monitor(&options{})
	p.Commands, p.Operand = []string{"forget"}, true
	for args, want := range map[string]string{"forget CP_1": "forget CP_1", "forget": "forget "} {
		in, err := p.Load(strings.Fields(args), env(nil), disk(nil))
		if got := in.Command + " " + in.Operand; err != nil || got != want {
			t.Errorf("%s: %q, %v", args, got, err)
		}
	}
	for args, want := range map[string]string{"forget a b": "unexpected argument b.", "x": "unknown command x. The commands are forget."} {
		if _, err := p.Load(strings.Fields(args), env(nil), disk(nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// Some commands have two words.
func TestCommandOfTwoWords(t *testing.T) {
	p := monitor(&options{})
	p.Commands, p.Operand = []string{"ca init", "ca issue", "forget"}, true
	for args, want := range map[string]string{"ca issue CP_1": "ca issue, CP_1", "ca init": "ca init, ", "forget CP_1": "forget, CP_1"} {
		in, err := p.Load(strings.Fields(args), env(nil), disk(nil))
		if got := in.Command + ", " + in.Operand; err != nil || got != want {
			t.Errorf("%s: %q, %v", args, got, err)
		}
	}
	for args, want := range map[string]string{
		"ca":             "unknown command ca. The commands are ca init, ca issue and forget.",
		"ca isue CP_1":   "unknown command \"ca isue\". Did you mean ca issue?",
		"ca issue a b":   "unexpected argument b.",
		"issue CP_1":     "unknown command issue.",
		"forget a b":     "unexpected argument b.",
		"ca -- issue -x": "",
	} {
		_, err := p.Load(strings.Fields(args), env(nil), disk(nil))
		if want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestAFlagBeatsAVariableBeatsTheFileBeatsTheDefault(t *testing.T) {
	files := map[string]string{"./network.yaml": "engine_port: 4\ncentral_port: 4\nkafka_topic: t4\nlisten: :1\n"}
	vars := map[string]string{"EVCP_ENGINE_PORT": "3", "ENGINE_PORT": "tcp://x", "CENTRAL_PORT": "3", "CP_ID": ""}
	var o options
	got, err := monitor(&o).Load([]string{"--engine-port=1", "--engine-port", "2"}, env(vars), disk(files))
	if err != nil {
		t.Fatal(err)
	}
	if o.enginePort != 2 || o.centralPort != 3 || o.topic != "t4" || o.cp != "CP_001" {
		t.Errorf("got %+v", o)
	}
	sources := got.Sources.In(language.English)
	got.Sources, got.Values = config.Sources{}, nil
	if sources != "flags, variables, ./network.yaml" || !reflect.DeepEqual(got, config.Invocation{}) {
		t.Errorf("got %+v from %s", got, sources)
	}
}

func TestTheFirstFileThatExistsIsRead(t *testing.T) {
	files := map[string]string{"../network.yaml": "fall: 5", "/etc/ev-cp-m/network.yaml": "fall: 6", "own.yaml": "fall: 7"}
	for args, want := range map[string]struct {
		fall   int
		origin string
	}{
		"":                  {5, "../network.yaml"},
		"--config own.yaml": {7, "own.yaml"},
		"--fall 8":          {8, "flags, ../network.yaml"},
	} {
		var o options
		got, err := monitor(&o).Load(strings.Fields(args), env(nil), disk(files))
		if err != nil {
			t.Fatal(err)
		}
		if o.fall != want.fall || got.Sources.In(language.English) != want.origin {
			t.Errorf("%q: fall %d, %+v; want %+v", args, o.fall, got, want)
		}
	}
}

func TestOriginWithoutAFile(t *testing.T) {
	for args, want := range map[string]string{
		"":                "defaults; no network.yaml found",
		"--cp-id CP_001":  "flags; no network.yaml found",
		"--test --rise 2": "flags; no network.yaml found",
	} {
		got, err := monitor(&options{}).Load(strings.Fields(args), env(nil), disk(nil))
		if said := got.Sources.In(language.English); said != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", args, said, err, want)
		}
	}
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	read := func(path string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	}
	_, err := monitor(&options{}).Load(nil, env(nil), read)
	if err == nil || err.Error() != "ev-cp-m: ./network.yaml: permission denied" {
		t.Errorf("got %v", err)
	}
}

func TestHelpAndVersionLookAtNothingElse(t *testing.T) {
	for args, want := range map[string]config.Invocation{
		"--nonsense -h":           {Help: true},
		"--help --version":        {Help: true},
		"--version --fall 0 word": {Version: true},
	} {
		got, err := monitor(&options{}).Load(strings.Fields(args), env(nil), disk(nil))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", args, got, err)
		}
	}
}

func TestTheCommandIsPositional(t *testing.T) {
	for _, args := range [][]string{{"--test", "--", "--two"}, {"--test", "--two"}} {
		p := monitor(&options{})
		p.Commands = []string{"one", "--two"}
		got, err := p.Load(args, env(nil), disk(nil))
		if positional := slices.Contains(args, "--"); positional != (got.Command == "--two") || positional != (err == nil) {
			t.Errorf("%q: %+v, %v", args, got, err)
		}
	}
}

func TestDefaultsReachTheOptions(t *testing.T) {
	var o options
	if _, err := monitor(&o).Load([]string{"--test", "--http", "[::1]:8081", "--timeout=800ms"}, env(nil), disk(nil)); err != nil {
		t.Fatal(err)
	}
	want := options{
		cp: "CP_001", centralIP: "localhost", engineIP: "localhost", centralPort: 5000, enginePort: 5001,
		interval: time.Second, timeout: 800 * time.Millisecond, report: 30 * time.Second, heart: 5 * time.Second,
		fall: 3, rise: 1, brokers: []string{"localhost:9092"}, topic: "monitor-events", compression: "none",
		stateMax: 512 << 20, keep: 64 << 20, test: true, http: "[::1]:8081", format: "auto", level: "info", color: "auto",
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got  %+v\nwant %+v", o, want)
	}
}

// TestMisspeltVariables are errors; what resembles no setting, belongs to a sibling program
// or was set by Kubernetes is left alone.
func TestMisspeltVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"EVCP_CENTRAL_PROT=1":                   "unknown variable EVCP_CENTRAL_PROT. Did you mean EVCP_CENTRAL_PORT?",
		"EVCP_ENGINEPORT=1":                     "unknown variable EVCP_ENGINEPORT. Did you mean EVCP_ENGINE_PORT?",
		"EVCP_LOG_LEVL=debug":                   "unknown variable EVCP_LOG_LEVL. Did you mean EVCP_LOG_LEVEL?",
		"EVCP_CENTRAL_PROT=":                    "",
		"CENTRAL_PROT=1":                        "",
		"EVCP_LISTEN=:5000":                     "",
		"EVCP_TEST_KAFKA=localhost:9092":        "",
		"EVCP_CENTRAL_SERVICE_PORT=5000":        "",
		"EVCP_ENGINE_PORT_5001_TCP=tcp://x":     "",
		"EVCP_CENTRAL_SERVICE_HOST=10.96.0.7":   "",
		"EVCP_CENTRAL_PORT_5000_TCP_PROTO=tcp":  "",
		"EVCP_ENGINE_PORT_5001_TCP_ADDR=10.0.1": "",
	} {
		p := monitor(&options{})
		p.Environ = func() []string { return []string{"HOME=/", variable} }
		_, err := p.Load(nil, env(nil), disk(nil))
		got := ""
		if err != nil {
			got = strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "ev-cp-m: ")), " ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", variable, got, want)
		}
	}
}
