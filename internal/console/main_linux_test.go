package console_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain also plays the programs that the tests need in a terminal of their own.
func TestMain(m *testing.M) {
	if play, ok := plays[os.Getenv("CONSOLE_TEST_PLAY")]; ok {
		play()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
