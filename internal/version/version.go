// Package version says which build of EV_CP_M this is.
package version

import (
	"runtime/debug"
	"time"
)

// number is the release; the revision comes from the build.
const number = "0.1.0"

// String is the release, followed by the revision where the build knows it and
// the tree was not the release's own: "0.1.0" or "0.1.0+1a2b3c4d".
func String() string {
	revision := Revision()
	if revision == "" {
		return number
	}
	return number + "+" + revision[:min(8, len(revision))]
}

// Revision is the commit that was built, "" where the build does not know it.
func Revision() string {
	return setting("vcs.revision")
}

// released is when the release was made.
var released = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// Built is a moment before which no process of this build can run with a clock that is
// right: the commit's, or the release's where the build does not know the commit.
func Built() time.Time {
	if at, err := time.Parse(time.RFC3339, setting("vcs.time")); err == nil {
		return at
	}
	return released
}

// setting is what the build knows under a name, "" for nothing.
func setting(name string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == name {
			return s.Value
		}
	}
	return ""
}
