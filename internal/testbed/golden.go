package testbed

import (
	"os"
	"testing"
)

// Golden fails the test unless a text is that of a file. With UPDATE_GOLDEN in the environment
// it writes the file first.
func Golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: said\n%s\nwant\n%s", file, got, want)
	}
}
