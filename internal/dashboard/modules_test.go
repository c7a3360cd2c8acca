package dashboard

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"evcp/internal/testbed"
)

// The page's modules that need no browser have tests of their own: drawing, words, folding,
// what needs attention.
func TestModulesInNode(t *testing.T) {
	node := lookNode(t)
	files, err := filepath.Glob("webtest/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	out, err := exec.CommandContext(t.Context(), node, append([]string{"--test"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("node --test: %v\n%s", err, out)
	}
}

// The types in the comments of the modules fit: tsc --checkJs.
func TestModulesHaveTypes(t *testing.T) {
	node := lookNode(t)
	tsc := filepath.Join(os.Getenv("EVCP_TEST_NODE"), "typescript", "bin", "tsc")
	if _, err := os.Stat(tsc); err != nil || os.Getenv("EVCP_TEST_NODE") == "" {
		testbed.SkipMissing(t, "typescript in the folder EVCP_TEST_NODE, which would check the types of the page's modules")
	}
	out, err := exec.CommandContext(t.Context(), node, tsc, "-p", "webtest").CombinedOutput()
	if err != nil {
		t.Errorf("tsc: %v\n%s", err, strings.TrimSpace(string(out)))
	}
}

func lookNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		testbed.SkipMissing(t, "node in PATH, which would test the page's modules")
	}
	return node
}
