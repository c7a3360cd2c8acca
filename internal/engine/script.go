package engine

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/idrange"
	"evcp/internal/language"
)

// Selection says of which charge points something holds. The zero Selection is all.
type Selection struct {
	written string
	ids     idrange.Range
	prefix  string // pattern: before the star
	suffix  string // and behind it
	kind    selectionKind
	share   uint64 // of 1<<32
}

type selectionKind uint8

const (
	everyone  selectionKind = iota
	byRange                 // one id or a range: CP_0007, CP_[0001-0100]
	byPattern               // CP_00*
	byShare                 // 5%
)

// ParseSelection reads which charge points are meant: an id, a range CP_[0001-0100], a
// pattern with one star CP_00*, or a share 5%. A share is by a hash of the id: it is always the same
// charge points, and 5% are among the 10%.
func ParseSelection(s string) (Selection, error) {
	switch number, isShare := strings.CutSuffix(s, "%"); {
	case isShare:
		percent, err := strconv.ParseFloat(number, 64)
		if err != nil || !(percent > 0 && percent <= 100) {
			return Selection{}, language.Errorf("%s: a share is more than 0%% and at most 100%%, as 5%%", shown(s))
		}
		return Selection{written: s, kind: byShare, share: uint64(percent / 100 * (1 << 32))}, nil
	case strings.Contains(s, "*"):
		prefix, suffix, _ := strings.Cut(s, "*")
		if strings.ContainsAny(suffix, "*") || !isPartOfID(prefix+suffix) {
			return Selection{}, language.Errorf("%s: a pattern is a part of an id with one star, as CP_00*", shown(s))
		}
		return Selection{written: s, kind: byPattern, prefix: prefix, suffix: suffix}, nil
	}
	ids, err := parseIDs(s)
	return Selection{written: s, kind: byRange, ids: ids}, err
}

// parseIDs reads an id or a range of ids.
func parseIDs(s string) (idrange.Range, error) {
	ids, err := idrange.Parse(s)
	if err != nil {
		return ids, language.Errorf("%s: %w", shown(s), err)
	}
	if _, err := evcp.ParseCPID(ids.At(ids.Count() - 1)); err != nil { // the longest
		return ids, language.Errorf("%s: an id has 1 to 64 of A-Z a-z 0-9 . _ -, as in CP_[0001-0100]", shown(s))
	}
	return ids, nil
}

func isPartOfID(s string) bool {
	if s == "" {
		return true
	}
	_, err := evcp.ParseCPID(s)
	return err == nil
}

// String is the selection as it was written; all is "".
func (s Selection) String() string { return s.written }

// Has reports whether a charge point is among the selected.
func (s Selection) Has(cp evcp.CPID) bool {
	switch id := string(cp); s.kind {
	case byRange:
		return s.ids.Contains(id)
	case byPattern:
		return len(id) >= len(s.prefix)+len(s.suffix) && strings.HasPrefix(id, s.prefix) && strings.HasSuffix(id, s.suffix)
	case byShare:
		return placeOf(id) < s.share
	default:
		return true
	}
}

// placeOf spreads ids evenly over 1<<32 places. The hash alone would not: ids that differ at the
// end only are close.
func placeOf(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return x >> 32
}

// ParseCPs reads the ids of an Engine for many charge points: ids and ranges, separated by
// commas. None may stand twice.
func ParseCPs(s string) ([]evcp.CPID, error) {
	var all []evcp.CPID
	seen := map[evcp.CPID]bool{}
	for _, item := range strings.Split(s, ",") {
		ids, err := parseIDs(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		if len(all)+ids.Count() > idrange.Most {
			return nil, language.Errorf("an Engine has at most %d charge points", idrange.Most)
		}
		for i := range ids.Count() {
			cp := evcp.CPID(ids.At(i))
			if seen[cp] {
				return nil, language.Errorf("%s stands twice", cp)
			}
			seen[cp] = true
			all = append(all, cp)
		}
	}
	return all, nil
}

// Assignment is a behaviour and of which charge points it is.
type Assignment struct {
	Of        Selection
	Behaviour Behaviour
}

// String is the assignment as it was written: "CP_00* ko".
func (a Assignment) String() string {
	return strings.TrimSpace(a.Of.String() + " " + a.Behaviour.String())
}

// ParseAssignment reads "ko" or "CP_00* ko". The error says what is allowed.
func ParseAssignment(s string) (Assignment, error) {
	words := fieldsOf(s)
	if b, err := ParseBehaviour(strings.TrimSpace(s)); err == nil || len(words) < 2 {
		return Assignment{Behaviour: b}, err // say=TEXT may hold blanks
	}
	a, rest, err := cutAssignment(words)
	if err == nil && len(rest) > 0 {
		err = language.Errorf("%s: at most two words stand here: which charge points, and how they behave, as in CP_00* ko", shown(strings.TrimSpace(s)))
	}
	return a, err
}

// ParseAssignments reads a list, "ok, CP_00* ko, 5% intermittent": the later ones win.
func ParseAssignments(s string) ([]Assignment, error) {
	if b, err := ParseBehaviour(s); err == nil {
		return []Assignment{{Behaviour: b}}, nil // say=TEXT may hold a comma
	}
	var all []Assignment
	for _, item := range split(s, ",") {
		a, err := ParseAssignment(item)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// cutAssignment takes an assignment from the front of the words of an item.
func cutAssignment(words []string) (a Assignment, rest []string, err error) {
	if len(words) > 1 && selects(words[0], words[1]) {
		if a.Of, err = ParseSelection(words[0]); err != nil {
			return a, nil, err
		}
		words = words[1:]
	}
	if a.Behaviour, err = ParseBehaviour(words[0]); err != nil {
		return a, nil, language.Errorf("%s: %w", shown(words[0]), err)
	}
	return a, words[1:], nil
}

// selects reports whether a word is a Selection and no behaviour. An id is only known by the
// behaviour behind it.
func selects(word, next string) bool {
	if _, err := ParseBehaviour(word); err == nil {
		return false
	}
	if strings.ContainsAny(word, "*%[") {
		return true
	}
	_, err := ParseBehaviour(next)
	return err == nil
}

// Step is one item of a script: a behaviour and how long it lasts. The last step of a
// script stays in force, whatever its duration.
type Step struct {
	Assignment
	For time.Duration
}

// ParseScript reads "ok 10s, ko 5s, mute 5s, ok": behaviours and how long each lasts, to be
// played once. The last one needs no duration. Text in quotes may hold blanks and commas:
// say="OK 23.5C" 5s. An item may say which charge points it is of: CP_00* ko 5s. The error is
// safe to print and names the item.
func ParseScript(s string) ([]Step, error) {
	items := split(s, ",")
	steps := make([]Step, 0, len(items))
	for i, item := range items {
		step, err := parseStep(item, i == len(items)-1)
		if err != nil {
			return nil, language.Errorf("item %d, %w", i+1, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func parseStep(item string, last bool) (Step, error) {
	words := fieldsOf(item)
	if len(words) == 0 {
		return Step{}, language.Errorf("%s: nothing stands here; write a behaviour and how long it lasts, as in ok 10s", shown(item))
	}
	a, rest, err := cutAssignment(words)
	if err != nil {
		return Step{}, err
	}
	d, err := parseDuration(item, rest, last)
	return Step{Assignment: a, For: d}, err
}

func parseDuration(item string, rest []string, last bool) (time.Duration, error) {
	if len(rest) == 0 && last {
		return 0, nil
	}
	if len(rest) == 1 {
		if d, err := time.ParseDuration(rest[0]); err == nil && d > 0 {
			return d, nil
		}
	}
	return 0, language.Errorf("%s: after the behaviour stands how long it lasts, as in ko 5s", shown(strings.TrimSpace(item)))
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

// fieldsOf are the parts between blanks.
func fieldsOf(s string) []string {
	return slices.DeleteFunc(split(s, " \t\r\n"), func(f string) bool { return f == "" })
}

// shown quotes s for an error, bounded.
func shown(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
