package config_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"evcp/internal/config"
)

// checkPrintable fails unless err can be shown to a person: a LoadError, printable, and no
// control characters but the line breaks.
func checkPrintable(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if _, ok := errors.AsType[*config.LoadError](err); !ok {
		t.Fatalf("%T: %v", err, err)
	}
	text := err.Error()
	if !utf8.ValidString(text) || !strings.HasPrefix(text, "ev-cp-m:") {
		t.Fatalf("%q", text)
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("%U in %q", r, text)
		}
	}
}

func FuzzParseArgs(f *testing.F) {
	for _, s := range []string{"--engine-prt 5001", "--engine-port=70000 -h", "-- a b", "--cp-id \x1b --keep", "=", "--=", "-", "--test=false --test=maybe"} {
		f.Add(s, "tcp://x")
	}
	f.Fuzz(func(t *testing.T, args, variable string) {
		vars := map[string]string{"CENTRAL_PORT": variable, "EVCP_INSTANCE": variable}
		_, err := monitor(&options{}).Load(strings.Split(args, " "), env(vars), disk(nil))
		checkPrintable(t, err)
	})
}

func FuzzFile(f *testing.F) {
	for _, s := range []string{
		"central_prot: 5000\nengine_port: 50o1\n", "a: [1, {b: c}]", "? x\n: y", "fall: |\n  3\n", "\ufefffall: 3\r\n", "a: &x 1\nb: *x",
		"fall: \"\\x1b\"", "---\n---\n", "%YAML 1.2\n---\nfall: 3", "\tfall: 3", "a:\n b:\n  c: d", "'fall': 3\n\"rise\": 2", "fall: 3 # ñ\n\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		_, err := monitor(&options{}).Load(nil, env(nil), disk(map[string]string{"./network.yaml": file}))
		checkPrintable(t, err)
	})
}
