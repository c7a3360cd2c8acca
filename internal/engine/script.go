package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Step is one item of a script: a behaviour and how long it lasts. The last step
// of a script stays, whatever its duration.
type Step struct {
	Behaviour Behaviour
	For       time.Duration
}

// ParseScript reads "ok 10s, ko 5s, mute 5s, ok": behaviours in the order in
// which they are played, once, each with how long it lasts. The last one stays;
// it may do without a duration. Text in quotes may hold blanks and commas:
// say="OK 23.5C" 5s. The error is safe to print and names the item.
func ParseScript(s string) ([]Step, error) {
	items := split(s, ",")
	steps := make([]Step, 0, len(items))
	for i, item := range items {
		step, err := parseStep(item, i == len(items)-1)
		if err != nil {
			return nil, fmt.Errorf("item %d, %w", i+1, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func parseStep(item string, last bool) (Step, error) {
	said := words(item)
	if len(said) == 0 {
		return Step{}, fmt.Errorf("%s: nothing stands here; write a behaviour and how long it lasts, as in ok 10s", shown(item))
	}
	b, err := ParseBehaviour(said[0])
	if err != nil {
		return Step{}, fmt.Errorf("%s: %w", shown(said[0]), err)
	}
	d, err := parseLength(item, said[1:], last)
	return Step{Behaviour: b, For: d}, err
}

func parseLength(item string, rest []string, last bool) (time.Duration, error) {
	if len(rest) == 0 && last {
		return 0, nil
	}
	if len(rest) == 1 {
		if d, err := time.ParseDuration(rest[0]); err == nil && d > 0 {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%s: after the behaviour stands how long it lasts, as in ko 5s", shown(strings.TrimSpace(item)))
}

// split cuts s at every separator outside of quotes.
func split(s, separators string) []string {
	var all []string
	start, quoted, escaped := 0, false, false
	for i := range len(s) {
		switch {
		case escaped:
			escaped = false
		case quoted && s[i] == '\\':
			escaped = true
		case s[i] == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(separators, s[i]) >= 0:
			all = append(all, s[start:i])
			start = i + 1
		}
	}
	return append(all, s[start:])
}

// words are the parts between blanks: as many blanks as there are.
func words(s string) []string {
	return slices.DeleteFunc(split(s, " \t\r\n"), func(w string) bool { return w == "" })
}

// shown quotes what was typed, bounded, for an error.
func shown(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
