package config

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// fleetOf is a nested file of so many charge points, as a fleet will be.
func fleetOf(n int) string {
	var b strings.Builder
	b.WriteString("defaults:\n  interval: 1s\nsites:\n  - site: Gandía\n    cps:\n")
	for i := range n {
		fmt.Fprintf(&b, "      - cp_id: CP_%05d # spare\n        engine: \"10.0.%d.%d:5001\"\n        labels: [a, b]\n", i, i/250, i%250)
	}
	return b.String()
}

// TestAFleetOfNodes holds what a fleet file needs of the reader: the line and column
// of every key and value, and memory that grows with the size (1.3 MB here).
func TestAFleetOfNodes(t *testing.T) {
	read := func(n int) (root *yaml.Node, allocated float64) {
		text := fleetOf(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		documents, err := ParseYAML(text)
		runtime.ReadMemStats(&after)
		if err != nil || len(documents) != 1 {
			t.Fatalf("%d documents, %v", len(documents), err)
		}
		return documents[0].Content[0], float64(after.TotalAlloc - before.TotalAlloc)
	}
	const many = 15000
	_, small := read(many / 10)
	root, large := read(many)
	if large > 15*small {
		t.Errorf("ten times the size takes %.1f times the memory", large/small)
	}
	site := root.Content[3].Content[0]
	cps := site.Content[3].Content
	last := cps[many-1].Content
	for i, want := range []string{
		"45003:9 cp_id", "45003:16 CP_14999", "45004:9 engine", "45004:17 10.0.59.249:5001", "45005:9 labels", "45005:17 ",
	} {
		if got := fmt.Sprintf("%d:%d %s", last[i].Line, last[i].Column, last[i].Value); got != want {
			t.Errorf("node %d at %s, want %s", i, got, want)
		}
	}
}

// TestNestingIsBounded: the reader recurses, and deep nesting must not end the process.
func TestNestingIsBounded(t *testing.T) {
	for _, open := range []string{"[", "{a: ", "- ", "? ", "{? "} {
		if _, err := ParseYAML(strings.Repeat(open, maxDepth)); err != nil && strings.Contains(err.Error(), errTooDeep.Error()) {
			t.Errorf("%q: %v", open, err)
		}
		if _, err := ParseYAML(strings.Repeat(open, 1<<20)); err == nil || !strings.Contains(err.Error(), errTooDeep.Error()) {
			t.Errorf("%q: %v", open, err)
		}
	}
}
