package cell

import (
	"slices"
	"testing"
)

// The first line may have another length, and what follows stands behind an indent.
func TestWrapHanging(t *testing.T) {
	for text, want := range map[string][]string{
		"":                   {""},
		"all of it":          {"all of it"},
		"the rest  hangs":    {"the rest", "  hangs"},
		"the rest hangs low": {"the rest", "  hangs", "  low"},
		"unbreakableword":    {"unbreakableword"},
	} {
		if got := WrapHanging(text, 9, 6, 2); !slices.Equal(got, want) {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
