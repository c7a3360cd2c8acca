package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// measureGo runs the Go benchmarks of what every check goes through.
func measureGo(ctx context.Context, l *lab) ([]table, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Next|AppendJSON)$", "-benchmem",
		"-count", l.effort.gobN, "-benchtime", l.effort.gobT, ".").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	t := table{name: "gobench", title: "Judging and encoding one check", head: []string{"", "ns", "bytes allocated", "allocations"}}
	for _, name := range []string{"Next", "AppendJSON"} {
		ns, space, allocs := readBench(out, "Benchmark"+name)
		if len(ns) == 0 {
			return nil, fmt.Errorf("no Benchmark%s in the root package", name)
		}
		t.add("`"+name+"`", ns.String(), fmt.Sprint(space.max()), fmt.Sprint(allocs.max()))
	}
	return []table{t}, nil
}

// readBench takes "BenchmarkNext-2  123  45.6 ns/op  0 B/op  0 allocs/op".
func readBench(out []byte, name string) (ns, space, allocs spread) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0] != name && !strings.HasPrefix(words[0], name+"-") {
			continue
		}
		for i := 3; i < len(words); i += 2 {
			v, err := strconv.ParseFloat(words[i-1], 64)
			if err != nil {
				continue
			}
			switch words[i] {
			case "ns/op":
				ns.add(v)
			case "B/op":
				space.add(v)
			case "allocs/op":
				allocs.add(v)
			}
		}
	}
	return ns, space, allocs
}
