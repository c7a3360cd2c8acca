package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp/internal/language"
	"evcp/internal/wire"
)

// Behaviour says what the Engine does with messages. ParseBehaviour makes it; the zero
// Behaviour is none.
type Behaviour struct {
	name     string // as it was written
	about    string
	sequence []cannedResponse // to the 1st, 2nd, … health check
	loopFrom int              // after the last of the sequence comes this one
	refuses  bool             // the Engine does not listen
}

// cannedResponse is what the Engine does with one message.
type cannedResponse struct {
	wait     time.Duration // before the first segment
	segments []string      // of the reply; none = no reply
	gap      time.Duration // between segments
	drips    bool          // the segments are repeated for ever
	after    Disposition
}

// Disposition is what becomes of the connection after a message.
type Disposition uint8

// The dispositions.
const (
	Kept   Disposition = iota // it carries the next message
	Closed                    // it was closed (FIN)
	Reset                     // it was reset (RST)
)

// behaviourSpec is one row of the table of behaviours.
type behaviourSpec struct {
	name      string
	about     string // completes "the Engine …"
	arg       string // what stands after name=; "" for nothing
	behaviour Behaviour
	set       func(*cannedResponse, string) error // sets the argument in the only response
}

// splitGap is well over wire.Quiet, to find peers that take a pause for the end, and well
// under any timeout. dripGap is short enough to defeat a deadline that every byte extends.
const (
	splitGap = 60 * time.Millisecond
	dripGap  = 100 * time.Millisecond
)

// A drip is of blanks, since any other byte decides the reply. Garbage is invalid UTF-8
// from the first byte.
var behaviours = []behaviourSpec{
	{name: "ok", about: "answers OK", behaviour: always(reply("OK"))},
	{name: "ko", about: "answers KO", behaviour: always(reply("KO"))},
	{name: "intermittent", about: "OK and KO in turns of three", behaviour: Behaviour{sequence: repeated(3, reply("OK"), 3, reply("KO"))}},
	{name: "delayed-ko", about: "five OK, then KO", behaviour: Behaviour{sequence: repeated(5, reply("OK"), 1, reply("KO")), loopFrom: 5}},
	{name: "mute", about: "reads and never answers", behaviour: Behaviour{}},
	{name: "slow", about: "answers OK, late", arg: "DURATION", behaviour: always(reply("OK")), set: (*cannedResponse).setWait},
	{name: "drip", about: "a blank every 100ms, never a word", behaviour: always(cannedResponse{segments: []string{" "}, gap: dripGap, drips: true})},
	{name: "reset", about: "breaks the connection off (RST)", behaviour: always(cannedResponse{after: Reset})},
	{name: "close", about: "closes without an answer", behaviour: always(cannedResponse{after: Closed})},
	{name: "garbage", about: "answers bytes that are no text", behaviour: always(reply("\xff\xfe\x80OK\xc0"))},
	{name: "split", about: "K, and O a moment later", behaviour: always(cannedResponse{segments: []string{"K", "O"}, gap: splitGap})},
	{name: "refuse", about: "does not listen", behaviour: Behaviour{refuses: true}},
	{name: "say", about: "answers any words", arg: "TEXT", behaviour: always(reply("")), set: (*cannedResponse).setText},
}

func reply(text string) cannedResponse { return cannedResponse{segments: []string{text}} }

func always(r cannedResponse) Behaviour { return Behaviour{sequence: []cannedResponse{r}} }

// repeated is n times a, then m times b.
func repeated(n int, a cannedResponse, m int, b cannedResponse) []cannedResponse {
	return append(slices.Repeat([]cannedResponse{a}, n), slices.Repeat([]cannedResponse{b}, m)...)
}

// maxSlow bounds how long a connection is held whose peer has left.
const maxSlow = 10 * time.Minute

func (r *cannedResponse) setWait(arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil || d <= 0 || d > maxSlow {
		return language.Errorf("how slow is a duration up to %s, as in slow=1.5s", maxSlow)
	}
	r.wait = d
	return nil
}

func (r *cannedResponse) setText(arg string) error {
	if strings.HasPrefix(arg, `"`) {
		text, err := strconv.Unquote(arg)
		if err != nil {
			return language.New(`the quotes are those of a Go string, as in say="OK 23.5C\r"`)
		}
		arg = text
	}
	if arg == "" || len(arg) > wire.MaxMessage {
		return language.Errorf("what it says has 1 to %d bytes, as in say=BROKEN", wire.MaxMessage)
	}
	r.segments = []string{arg}
	return nil
}

// ParseBehaviour reads a behaviour as a person writes it: ok, slow=1.5s, say=BROKEN,
// say="OK 23.5C". The error says what is allowed and does not quote s.
func ParseBehaviour(s string) (Behaviour, error) {
	name, arg, given := strings.Cut(s, "=")
	for _, spec := range behaviours {
		if spec.name == name {
			return spec.parse(s, arg, given)
		}
	}
	return Behaviour{}, language.Errorf("no such behaviour; choose %s", strings.Join(Behaviours(), ", "))
}

// MustBehaviour is ParseBehaviour for a behaviour that stands in the program.
func MustBehaviour(s string) Behaviour {
	b, err := ParseBehaviour(s)
	if err != nil {
		panic(fmt.Sprintf("behaviour %q: %v", s, err))
	}
	return b
}

func (spec behaviourSpec) parse(s, arg string, given bool) (Behaviour, error) {
	b := spec.behaviour
	b.name, b.about = s, spec.about
	switch {
	case spec.set == nil && given:
		return Behaviour{}, language.Errorf("%s takes no value", spec.name)
	case spec.set == nil:
		return b, nil
	}
	r := b.sequence[0]
	if err := spec.set(&r, arg); err != nil {
		return Behaviour{}, err
	}
	b.sequence = []cannedResponse{r}
	return b, nil
}

// Behaviours lists all names as a person may write them: "ok", "slow=DURATION".
func Behaviours() []string {
	names := make([]string, len(behaviours))
	for i, spec := range behaviours {
		names[i] = spec.name
		if spec.arg != "" {
			names[i] += "=" + spec.arg
		}
	}
	return names
}

// String is the behaviour as it was written.
func (b Behaviour) String() string { return b.name }

// About completes "the Engine …": "reads and never answers".
func (b Behaviour) About() string { return b.about }

// at is the response to the n-th health check, counted from 0.
func (b Behaviour) at(n int) cannedResponse {
	switch {
	case len(b.sequence) == 0:
		return cannedResponse{}
	case n < len(b.sequence):
		return b.sequence[n]
	}
	return b.sequence[b.loopFrom+(n-b.loopFrom)%(len(b.sequence)-b.loopFrom)]
}
