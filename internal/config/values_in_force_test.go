package config_test

import (
	"slices"
	"testing"

	"evcp/internal/config"
)

// TestValues: each setting that has a value is named with its source, but no secret.
func TestValues(t *testing.T) {
	set := func(string) error { return nil }
	p := config.Program{Name: "x", Files: []string{"x.yaml"}, Settings: []config.Setting{
		{Name: "a", Arg: "A", Default: "1", Set: set}, {Name: "b", Arg: "B", Set: set}, {Name: "c", Arg: "C", EnvAliases: []string{"OLD_C"}, Set: set},
		{Name: "d", Arg: "D", Set: set}, {Name: "none", Arg: "N", Set: set}, {Name: "password", Arg: "P", Secret: true, Set: set},
	}}
	getenv := func(name string) string { return map[string]string{"OLD_C": "3"}[name] }
	read := func(string) ([]byte, error) { return []byte("# settings\nd: 4\n"), nil }
	in, err := p.Load([]string{"--b", "2", "--password", "secret"}, getenv, read)
	want := []config.Value{{"a", "1", "default", false}, {"b", "2", "--b", true}, {"c", "3", "OLD_C", true}, {"d", "4", "x.yaml:2", false}}
	if err != nil || !slices.Equal(in.Values, want) {
		t.Errorf("%v, %v", in.Values, err)
	}
}
