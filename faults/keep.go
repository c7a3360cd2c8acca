package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"evcp/internal/oracle"
)

func writeTrace(name string, r oracle.Trace) error {
	b, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the record: %w", err)
	}
	return nil
}

// verifyFile asks the oracle about a record that was kept.
func verifyFile(name string, out io.Writer) int {
	var r oracle.Trace
	b, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	v := oracle.Verify(r)
	printTable(out, v)
	printViolations(out, v, len(v.Violations))
	if len(v.Violations) > 0 {
		return 1
	}
	return 0
}
