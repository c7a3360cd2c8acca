package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"evcp/internal/wire"
)

// Behaviour says what the Engine does with questions. It is a value from
// ParseBehaviour; the zero Behaviour is none.
type Behaviour struct {
	name     string // as it was written
	about    string
	turns    []turn // what the 1st, 2nd, … health check gets
	loopFrom int    // after the last turn it goes on with this one
	shut     bool   // the Engine does not even listen
}

// turn is what one question gets.
type turn struct {
	wait  time.Duration // before the first segment
	says  []string      // one segment each; none is silence
	gap   time.Duration // between segments
	drips bool          // the segments come again and again, for ever
	after Disposition
}

// Disposition is what becomes of the connection after a question.
type Disposition uint8

// The endings.
const (
	Kept   Disposition = iota // it carries the next question
	Closed                    // it was closed in order (FIN)
	Reset                     // it was broken off (RST)
)

// row is one line of the table of behaviours.
type row struct {
	name      string
	about     string // completes "the Engine …"
	arg       string // what stands after name=; "" for nothing
	behaviour Behaviour
	with      func(*turn, string) error // puts the argument in the first turn
}

// splitGap lies well over wire.Quiet, so that a peer that takes silence for an
// end is caught, and well under any timeout. dripGap keeps every deadline alive
// that is renewed by a byte.
const (
	splitGap = 60 * time.Millisecond
	dripGap  = 100 * time.Millisecond
)

// A drip is of blanks: they never make a word, so they are what is hardest to
// give up on in time. Garbage is no UTF-8 from the first byte.
var table = []row{
	{name: "ok", about: "answers OK", behaviour: always(say("OK"))},
	{name: "ko", about: "answers KO", behaviour: always(say("KO"))},
	{name: "intermittent", about: "OK and KO in turns of three", behaviour: Behaviour{turns: turns(3, say("OK"), 3, say("KO"))}},
	{name: "delayed-ko", about: "five OK, then KO", behaviour: Behaviour{turns: turns(5, say("OK"), 1, say("KO")), loopFrom: 5}},
	{name: "mute", about: "reads and never answers", behaviour: Behaviour{}},
	{name: "slow", about: "answers OK, late", arg: "DURATION", behaviour: always(say("OK")), with: (*turn).setWait},
	{name: "drip", about: "a blank every 100ms, never a word", behaviour: always(turn{says: []string{" "}, gap: dripGap, drips: true})},
	{name: "reset", about: "breaks the connection off (RST)", behaviour: always(turn{after: Reset})},
	{name: "close", about: "closes without an answer", behaviour: always(turn{after: Closed})},
	{name: "garbage", about: "answers bytes that are no text", behaviour: always(say("\xff\xfe\x80OK\xc0"))},
	{name: "split", about: "K, and O a moment later", behaviour: always(turn{says: []string{"K", "O"}, gap: splitGap})},
	{name: "refuse", about: "does not listen", behaviour: Behaviour{shut: true}},
	{name: "say", about: "answers any words", arg: "TEXT", behaviour: always(say("")), with: (*turn).setText},
}

func say(text string) turn { return turn{says: []string{text}} }

func always(t turn) Behaviour { return Behaviour{turns: []turn{t}} }

// turns is n times a, then m times b.
func turns(n int, a turn, m int, b turn) []turn {
	all := make([]turn, 0, n+m)
	for range n {
		all = append(all, a)
	}
	for range m {
		all = append(all, b)
	}
	return all
}

// maxSlow bounds how long a connection whose peer has left is held.
const maxSlow = 10 * time.Minute

func (t *turn) setWait(arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil || d <= 0 || d > maxSlow {
		return fmt.Errorf("how slow is a duration up to %s, as in slow=1.5s", maxSlow)
	}
	t.wait = d
	return nil
}

func (t *turn) setText(arg string) error {
	if strings.HasPrefix(arg, `"`) {
		text, err := strconv.Unquote(arg)
		if err != nil {
			return errors.New(`the quotes are those of a Go string, as in say="OK 23.5C\r"`)
		}
		arg = text
	}
	if arg == "" || len(arg) > wire.MaxMessage {
		return fmt.Errorf("what it says has 1 to %d bytes, as in say=BROKEN", wire.MaxMessage)
	}
	t.says = []string{arg}
	return nil
}

// ParseBehaviour reads a behaviour as a person writes it: ok, slow=1.5s, say=BROKEN,
// say="OK 23.5C". The error is a reason: it says what is allowed, not what s is.
func ParseBehaviour(s string) (Behaviour, error) {
	name, arg, given := strings.Cut(s, "=")
	for _, r := range table {
		if r.name == name {
			return r.parse(s, arg, given)
		}
	}
	return Behaviour{}, fmt.Errorf("no such behaviour; choose %s", strings.Join(Behaviours(), ", "))
}

func (r row) parse(s, arg string, given bool) (Behaviour, error) {
	b := r.behaviour
	b.name, b.about = s, r.about
	switch {
	case r.with == nil && given:
		return Behaviour{}, fmt.Errorf("%s takes no value", r.name)
	case r.with == nil:
		return b, nil
	}
	t := b.turns[0]
	if err := r.with(&t, arg); err != nil {
		return Behaviour{}, err
	}
	b.turns = []turn{t}
	return b, nil
}

// Behaviours lists all names as a person may write them: "ok", "slow=DURATION".
func Behaviours() []string {
	names := make([]string, len(table))
	for i, r := range table {
		names[i] = r.name
		if r.arg != "" {
			names[i] += "=" + r.arg
		}
	}
	return names
}

// String is the behaviour as it was written.
func (b Behaviour) String() string { return b.name }

// About completes "the Engine …": "reads and never answers".
func (b Behaviour) About() string { return b.about }

// at is the turn of the n-th health check, counted from 0.
func (b Behaviour) at(n int) turn {
	switch {
	case len(b.turns) == 0:
		return turn{}
	case n < len(b.turns):
		return b.turns[n]
	}
	return b.turns[b.loopFrom+(n-b.loopFrom)%(len(b.turns)-b.loopFrom)]
}
